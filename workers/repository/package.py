"""What a repository must know of a package, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cmp_to_key
from typing import TYPE_CHECKING, TypeVar

from workers.outcome import ChangeFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")

SOURCES = ("source", "src")
"""What the formats call the architecture of source packages."""
SHA256 = "sha256"
KEPT_BY_SIGNING = ("rpmHeaderSha256", "rpmPayloadSha256")
"""What the digests of an RPM package's header and payload are called, by which it is known."""


@dataclass(frozen=True)
class Published:
    """One package file; for a DEB source package its dsc."""

    name: str
    version: str
    architecture: str
    file: str  # path from the repository's root
    sha256: str

    @property
    def key(self) -> tuple[str, bool]:
        """Packages of one key are versions of each other, whatever their architecture.

        A source package is no version of the binary package that is called the same.
        """
        return self.name, self.architecture in SOURCES

    def words(self) -> dict[str, str]:
        """For an answer."""
        return {
            "name": self.name,
            "version": self.version,
            "architecture": self.architecture,
            "file": self.file,
            "sha256": self.sha256,
        }


def identity(digests: Mapping[str, str]) -> str:
    """What a file is known by, whoever signed it.

    That are the digests of what signing keeps, where its format has such, or else its SHA-256.
    """
    kept = [digest for name, digest in sorted(digests.items()) if name != SHA256]
    return " ".join(kept) or digests[SHA256]


def refuse_steps_back(
    present: Iterable[Published], package: Published, compare: Callable[[str, str], int]
) -> None:
    """Check that a package is not lower than any there is.

    Raises :class:`ChangeFault` naming both versions.
    """
    for other in present:
        if other.key == package.key and compare(package.version, other.version) < 0:
            raise ChangeFault(
                f"{package.name} {package.version} is lower than {other.version}, which is "
                "published; raise the version"
            )


def newest(
    items: Iterable[T],
    package_of: Callable[[T], Published],
    compare: Callable[[str, str], int],
    keep: int,
) -> list[T]:
    """The newest ``keep`` versions of each package, newest first, in all their architectures.

    Of several items of one version and architecture the last one counts.
    """
    groups: dict[tuple[str, bool], dict[str, dict[str, T]]] = {}
    for item in items:
        package = package_of(item)
        versions = groups.setdefault(package.key, {})
        versions.setdefault(package.version, {})[package.architecture] = item
    found: list[T] = []
    for _, versions in sorted(groups.items()):
        for version in sorted(versions, key=cmp_to_key(compare), reverse=True)[:keep]:
            found += (item for _, item in sorted(versions[version].items()))
    return found
