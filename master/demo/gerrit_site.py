"""The demonstration's Gerrit: real upstream packages in projects, people with accounts."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from master.demo import layout as where
from master.demo.gerrit_server import GerritServer
from master.demo.gerrit_setup import Community, GerritSetup
from master.demo.upstream import unpacked_sources

if TYPE_CHECKING:
    from master.demo.layout import Layout, Ports

_DEB_PROJECTS = ("hello", "ncompress")
_RPM_SOURCE = "tree"
_RPM_PACKAGING = "tree-packaging"


@dataclass
class DemoGerrit:
    """Starts Gerrit with its projects; afterwards ``community`` holds everybody's logins."""

    layout: Layout
    ports: Ports

    def __post_init__(self) -> None:
        self.server = GerritServer(
            self.layout.gerrit,
            jars=self.layout.cache / "jars",
            user=where.GERRIT,
            ports=(self.ports.gerrit_http, self.ports.gerrit_ssh),
        )

    def start(self) -> None:
        """Start the server, set it up and import the upstream packages."""
        self.server.prepare()
        self.server.launch()
        sources = unpacked_sources((*_DEB_PROJECTS, _RPM_SOURCE), self.layout.cache / "sources")
        self.server.wait()
        setup = GerritSetup(self.server)
        self.community: Community = setup.run()
        for name in (*_DEB_PROJECTS, _RPM_SOURCE, _RPM_PACKAGING):
            setup.create_project(name)
        with tempfile.TemporaryDirectory() as folder:
            for name in _DEB_PROJECTS:
                tree = _tree(sources[name], Path(folder) / name, leave_out=(".pc",))
                setup.import_tree(name, tree, message=f"Import {name} as Debian has it")
            tree = _tree(sources[_RPM_SOURCE], Path(folder) / "tree", leave_out=(".pc", "debian"))
            setup.import_tree(_RPM_SOURCE, tree, message="Import tree's source")
            packaging = Path(folder) / _RPM_PACKAGING
            packaging.mkdir()
            for file in resources.files("master.demo").joinpath("packaging").iterdir():
                target = packaging / file.name
                target.write_bytes(file.read_bytes())
                target.chmod(0o755 if file.name == "smoke-test" else 0o644)
            setup.import_tree(_RPM_PACKAGING, packaging, message="Package tree as an RPM")

    def stop(self) -> None:
        """Stop the server."""
        self.server.stop()


def _tree(source: Path, to: Path, leave_out: tuple[str, ...]) -> Path:
    """A package's tree without quilt's bookkeeping and what another format needs."""

    def ignored(folder: str, _names: list[str]) -> set[str]:
        return set(leave_out) if Path(folder) == source else set()

    shutil.copytree(source, to, symlinks=True, ignore=ignored)
    return to
