"""What a repository must know of a package, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cmp_to_key
from typing import TYPE_CHECKING

from workers.outcome import ChangeFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True)
class Published:
    """One package file."""

    name: str
    version: str
    architecture: str
    file: str  # path from the repository's root
    sha256: str
    identity: str  # what must not change under one version: for RPM signing keeps it

    @property
    def key(self) -> tuple[str, str]:
        """Packages of one name and architecture are versions of each other."""
        return self.name, self.architecture

    def words(self) -> dict[str, str]:
        """For an answer."""
        return {
            "name": self.name,
            "version": self.version,
            "architecture": self.architecture,
            "file": self.file,
            "sha256": self.sha256,
        }


def refuse_steps_back(
    published: Iterable[Published],
    new: Iterable[Published],
    compare: Callable[[str, str], int],
) -> None:
    """Check that each new package is higher than all there is, or the very same.

    Raises :class:`ChangeFault` naming both versions, or both hashes of one version.
    """
    present = list(published)
    for package in new:
        for other in present:
            if other.key != package.key:
                continue
            order = compare(package.version, other.version)
            if order < 0:
                raise ChangeFault(
                    f"{package.name} {package.version} is lower than {other.version}, which is "
                    "published; raise the version"
                )
            if order == 0 and other.identity != package.identity:
                raise ChangeFault(
                    f"{package.name} {package.version} is already published with other content "
                    "(a published version never changes); raise the version",
                    f"published: {other.identity}\nproposed:  {package.identity}",
                )


def newest(
    packages: Iterable[Published], compare: Callable[[str, str], int], keep: int
) -> list[Published]:
    """The newest ``keep`` versions of each name and architecture, in a fixed order."""
    groups: dict[tuple[str, str], dict[str, Published]] = {}
    for package in packages:
        groups.setdefault(package.key, {})[package.version] = package
    found = []
    for key in sorted(groups):
        versions = sorted(groups[key], key=cmp_to_key(compare), reverse=True)
        found += [groups[key][version] for version in versions[:keep]]
    return found
