"""Builds RPM packages in the sandbox itself, with dnf(8) and rpmbuild(8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.build import failure
from workers.build.request import digests
from workers.clients.dnf import dnf_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.build.commands import Commands
    from workers.clients.repository import BaseRepository, Repository

_FETCHED = "/var/cache/dnf"
# The plugin reads a repository of its own, that is not there: its error would hide the change's.
_DNF = ("dnf", "--assumeyes", "--disableplugin=local")
_SETTINGS = ("install_weak_deps=False", "keepcache=True", "skip_if_unavailable=False")


@dataclass
class SandboxExecutor:
    """See :class:`workers.build.executors.Executor`; ``folder`` is rpmbuild's topmost one."""

    commands: Commands
    folder: str
    defines: Sequence[str]
    repositories: Sequence[Repository]
    base: Sequence[BaseRepository]
    _source_package: str = ""
    _fetched: bool = False

    def fetch_dependencies(self, source_package: str) -> tuple[str, ...]:
        """Fetch the BuildRequires; answer their files' digests.

        Without repositories, what the root does not provide is named by rpmbuild itself.
        """
        self._source_package = source_package
        sandbox = self.commands.sandbox
        for path, content in dnf_files(self.repositories, self.base).items():
            sandbox.write(path, content)
        if not self.repositories and not self.base:
            return ()
        # Downloading runs nothing of the packages, installing does: so that has no network.
        self._dnf("builddep", "--downloadonly", source_package, network=True)
        found = digests(sandbox, _FETCHED, "*.rpm")
        self._fetched = bool(found)
        return found

    def build(self) -> Sequence[str]:
        """Install what was fetched, and build as an ordinary user."""
        if self._fetched:
            self._dnf("--cacheonly", "builddep", self._source_package, network=False)
        self.commands.stages.done("dependencies")
        self.commands.must("building", "rpmbuild", "--rebuild", *self.defines, self._source_package)
        sandbox, top = self.commands.sandbox, f"{self.folder}/RPMS"
        return [
            f"{top}/{architecture}/{name}"
            for architecture in sandbox.names(top)
            for name in sandbox.names(f"{top}/{architecture}")
        ]

    def close(self) -> None:
        """The sandbox ends by itself."""

    def _dnf(self, *arguments: str, network: bool) -> None:
        result = self.commands.sandbox.run(
            [*_DNF, *(f"--setopt={each}" for each in _SETTINGS), *arguments],
            as_root=True,
            network=network,
            seconds=self.commands.stages.left,
        )
        if not result.success:
            raise failure.explain_dependencies(result, self.commands.log)
