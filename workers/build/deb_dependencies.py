"""What a DEB build needs besides its root image: fetched by apt, installed, kept as a layer.

A layer serves every build for which apt would answer the same: of the same image, with the same
declared dependencies, and with repositories that have the same of all packages that take part.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from debian.deb822 import Deb822

from workers.build import failure
from workers.build.request import digests
from workers.build.tree import read_text
from workers.clients.apt import apt_files, superseded
from workers.files import sha256
from workers.outcome import InfrastructureFault
from workers.roots import used_layer
from workers.roots.layers import keep_layer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from workers.build.commands import Commands
    from workers.build.request import BuildRequest
    from workers.clients.apt_index import BinaryPackage, Listing
    from workers.roots import Layer, RootImage
    from workers.roots.layers import Note

_FETCHED = "/var/cache/apt/archives"
_SOURCES = "/etc/apt/sources.list"
_EXTRA_SOURCES = "/etc/apt/lockgate.list"
_NEEDING = "/build/needing"
_INSTALLED = "/var/lib/dpkg/status"
_INSTALLED_BYTES = 256 << 20
_BUILD_DEP = ("build-dep", "--yes", "--allow-downgrades")
_APT = {"DEBIAN_FRONTEND": "noninteractive"}
_DEPENDS = "Build-Depends"
_DECLARING = tuple(
    f"Build-{kind}{which}" for kind in ("Depends", "Conflicts") for which in ("", "-Arch", "-Indep")
)
_TAKING_PART = re.compile(
    r"^(?:Package|Provides|Pre-Depends|Depends|Conflicts|Breaks|Replaces): (.+)$", re.MULTILINE
)
_NAME = re.compile(r"(?:^|[,|])\s*([a-z0-9][a-z0-9+.-]*)")


class DebDependencies:
    """The dependencies of one build; its methods are called once each, in their order.

    Raises ChangeFault for dependencies that cannot be had, InfrastructureFault for repositories
    that cannot be read.
    """

    def __init__(
        self, request: BuildRequest, image: RootImage, listings: Sequence[Listing]
    ) -> None:
        self._request = request
        self._image = image
        self._offered = [
            (listing.repository.rank, listing.binary_packages(image.architecture))
            for listing in listings
        ]
        self._declared = declared(read_text(request.source, "debian/control"))

    def layer(self) -> AbstractContextManager[Layer | None]:
        """Hold the layer of an earlier build that needed the same, or None."""
        return used_layer(self._image, self._fits)

    def fetch(self, commands: Commands) -> tuple[str, ...]:
        """Fetch what the root lacks; answer its files' digests."""
        sandbox, repositories = commands.sandbox, self._request.repositories
        needed = self._declared
        if repositories:
            lines, files = apt_files(repositories)
            # Before the base distribution's, which may have the same version of a package.
            files[_SOURCES] = lines.encode() + sandbox.read(_SOURCES)
            for path, content in {**files, _EXTRA_SOURCES: lines.encode()}.items():
                sandbox.write(path, content)
            needed = needing(needed, self._preferred(commands))
        sandbox.write(f"{_NEEDING}/debian/control", control_of(needed).encode())
        check = sandbox.run(["dpkg-checkbuilddeps", f"{_NEEDING}/debian/control"])
        if check.success:
            return ()
        if repositories:
            _update(
                commands,
                f"--option=Dir::Etc::SourceList={_EXTRA_SOURCES}",
                "--option=Dir::Etc::SourceParts=-",
                "--option=APT::Get::List-Cleanup=false",
            )
        # Downloading runs nothing of the packages, installing does: so that has no network.
        # The image's indexes are as old as the image.
        if not _apt(commands, *_BUILD_DEP, "--download-only", _NEEDING, may_fail=True):
            _update(commands)
            _apt(commands, *_BUILD_DEP, "--download-only", _NEEDING)
        return digests(sandbox, _FETCHED, "*.deb")

    def install(self, commands: Commands, fetched: Sequence[str]) -> None:
        """Install what was fetched, and keep it for builds to come."""
        _apt(commands, *_BUILD_DEP, "--no-download", _NEEDING, network=False)
        _apt(commands, "clean", network=False)
        if not self._are_offered(fetched):
            return
        installed = commands.sandbox.read(_INSTALLED, limit=_INSTALLED_BYTES).decode()
        names = taking_part(installed, self._declared)
        note = self._note(sorted(names)) | {"dependencies": list(fetched)}
        try:
            keep_layer(self._image, commands.sandbox, note)
        except (OSError, InfrastructureFault) as error:
            sys.stderr.write(f"what was installed is not kept for other builds: {error}\n")

    def _are_offered(self, fetched: Sequence[str]) -> bool:
        """Whether the repositories had the same for apt as when they were listed here."""
        offered: dict[str, set[str]] = {}
        for _, packages in self._offered:
            for package in packages:
                offered.setdefault(package.name, set()).add(package.sha256)
        found = (line.split("  ", maxsplit=1) for line in fetched)
        return all(
            digest in offered.get(file.partition("_")[0], {digest}) for digest, file in found
        )

    def _fits(self, note: Note) -> bool:
        return note.items() >= self._note(note["names"]).items()

    def _note(self, names: Sequence[str]) -> Note:
        """What a layer is chosen by, given the names of the packages that take part."""
        return {
            "made_by": sha256(Path(__file__)),
            "declared": self._declared,
            "names": names,
            "offered": _digest(self._offered, frozenset(names)),
        }

    def _preferred(self, commands: Commands) -> dict[str, str]:
        """Packages of the image that repositories have too, and the versions wanted.

        The image's own would do for apt; those of the repositories are wanted.
        """
        form = "--showformat=${Package} ${Version}\\n"
        lines = commands.ask("dpkg-query", "--show", form).splitlines()
        return superseded(dict(line.split() for line in lines), self._offered)


def declared(control: str) -> dict[str, str]:
    """The fields of a debian/control that declare build dependencies. Pure."""
    source = next(iter(Deb822.iter_paragraphs(control.splitlines())))
    return {
        field: ", ".join(
            " ".join(each.split()) for each in source.get(field, "").split(",") if each.strip()
        )
        for field in _DECLARING
    }


def needing(fields: Mapping[str, str], exactly: Mapping[str, str]) -> dict[str, str]:
    """The same fields, of what needs certain versions of packages besides. Pure."""
    needs = [fields[_DEPENDS], *(f"{name} (= {version})" for name, version in exactly.items())]
    return {**fields, _DEPENDS: ", ".join(filter(None, needs))}


def control_of(fields: Mapping[str, str]) -> str:
    """A debian/control with these fields, and nothing else that a change could have written."""
    lines = [f"{name}: {value}" for name, value in fields.items() if value]
    return "\n".join(["Source: needing", *lines, "", "Package: needing", "Architecture: any", ""])


def taking_part(installed: str, fields: Mapping[str, str]) -> set[str]:
    """Names that apt looks at to install build dependencies. Pure.

    ``installed`` is dpkg's status file afterwards, ``fields`` are those that declare them. Another
    version of any other package would change nothing.
    """
    told = [*fields.values(), *_TAKING_PART.findall(installed)]
    return {name for text in told for name in _NAME.findall(text)}


def _digest(offered: Sequence[tuple[int, Sequence[BinaryPackage]]], names: frozenset[str]) -> str:
    """Of all that repositories have of some packages."""
    some = [
        (rank, package.name, package.version, package.sha256)
        for rank, packages in offered
        for package in packages
        if package.name in names or not names.isdisjoint(_NAME.findall(package.provides))
    ]
    return hashlib.sha256(json.dumps(some).encode()).hexdigest()


def _apt(commands: Commands, *arguments: str, network: bool = True, may_fail: bool = False) -> bool:
    result = commands.sandbox.run(
        ["apt-get", *arguments],
        as_root=True,
        network=network,
        environment=_APT,
        seconds=commands.stages.left,
    )
    if not result.success and (not may_fail or result.stopped is not None):
        raise failure.explain_dependencies(result, commands.log)
    return result.success


def _update(commands: Commands, *options: str) -> None:
    """Read the repositories; that one cannot be read is no fault of the change."""
    result = commands.sandbox.run(
        ["apt-get", "update", "--error-on=any", *options],
        as_root=True,
        network=True,
        environment=_APT,
        seconds=commands.stages.left,
    )
    if not result.success:
        raise InfrastructureFault(f"reading the repositories: {result.why}", result.tail)
