"""What a repository must know of a package, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cmp_to_key
from typing import TYPE_CHECKING, TypeVar

from workers.outcome import ChangeFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


@dataclass(frozen=True)
class Published:
    """One package file; for a DEB source package its dsc."""

    name: str
    version: str
    architecture: str
    file: str  # path from the repository's root
    sha256: str

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
    present: Iterable[Published],
    package: Published,
    compare: Callable[[str, str], int],
    is_the_same: Callable[[Published, Published], bool],
) -> None:
    """Check that a package is higher than all there is, or the very same.

    Raises :class:`ChangeFault` naming both versions, or both hashes of one version.
    """
    for other in present:
        if other.key != package.key:
            continue
        order = compare(package.version, other.version)
        if order < 0:
            raise ChangeFault(
                f"{package.name} {package.version} is lower than {other.version}, which is "
                "published; raise the version"
            )
        if order == 0 and not is_the_same(other, package):
            raise ChangeFault(
                f"{package.name} {package.version} is already published with other content "
                "(a published version never changes); raise the version",
                f"published: {other.sha256}\nproposed:  {package.sha256}",
            )


def newest(
    items: Iterable[T],
    package_of: Callable[[T], Published],
    compare: Callable[[str, str], int],
    keep: int,
) -> list[T]:
    """The newest ``keep`` versions of each name and architecture, newest first.

    Of several items of one version the last one counts.
    """
    groups: dict[tuple[str, str], dict[str, T]] = {}
    for item in items:
        package = package_of(item)
        groups.setdefault(package.key, {})[package.version] = item
    found = []
    for key in sorted(groups):
        versions = sorted(groups[key], key=cmp_to_key(compare), reverse=True)
        found += [groups[key][version] for version in versions[:keep]]
    return found
