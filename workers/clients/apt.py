"""Configuration of apt: sources.list(5), apt_preferences(5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from debian.debian_support import Version

from workers.clients.repository import Rank

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from workers.clients.apt_index import BinaryPackage
    from workers.clients.repository import Repository

# From 1000 on a version is taken even if it is lower than another one or the installed one; the
# base distribution has 500.
_PRIORITIES = {Rank.TESTED: 1002, Rank.AHEAD: 1001, Rank.RELEASE: 1000}


def apt_files(repositories: Sequence[Repository]) -> tuple[str, dict[str, bytes]]:
    """Lines for the list of sources, and by their paths the files these lines need.

    Of one version that two repositories have, apt takes the one of the first in its list. A
    repository's key vouches for that repository alone.
    """
    lines = ""
    files = {}
    for place, repository in enumerate(repositories):
        key = repository.fetch_key()
        suffix = "asc" if key.startswith(b"-----BEGIN") else "gpg"
        keyring = f"/etc/apt/keyrings/lockgate-{place}.{suffix}"
        files[keyring] = key
        codename = repository.description.codename
        lines += f"deb [signed-by={keyring}] {repository.url} {codename} main\n"
        files[f"/etc/apt/preferences.d/lockgate-{place}"] = _preference(repository).encode()
    return lines, files


def superseded(
    installed: Mapping[str, str], offered: Iterable[tuple[Rank, Iterable[BinaryPackage]]]
) -> dict[str, str]:
    """Installed packages that repositories have other versions of, and the version apt prefers.

    ``offered`` has each repository's rank and its packages. Pure.
    """
    preferred: dict[str, tuple[int, Version]] = {}
    for rank, packages in offered:
        for package in packages:
            if package.name in installed:
                found = (_PRIORITIES[rank], Version(package.version))
                preferred[package.name] = max(found, preferred.get(package.name, found))
    return {
        name: str(version)
        for name, (_, version) in sorted(preferred.items())
        if str(version) != installed[name]
    }


def _preference(repository: Repository) -> str:
    # Two repositories of one host differ in nothing but their origin.
    origin = repository.description.origin
    priority = _PRIORITIES[repository.rank]
    return f"Package: *\nPin: release o={origin}\nPin-Priority: {priority}\n"
