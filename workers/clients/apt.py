"""Configuration of apt: sources.list(5), apt_preferences(5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.clients.repository import Repository

# From 1000 on a version is taken even if it is lower than another one or the installed one.
_PRIORITIES = {0: 1001, 1: 1000}


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
        if repository.rank is not None:
            preference = f"/etc/apt/preferences.d/lockgate-{place}"
            files[preference] = _preference(repository, repository.rank).encode()
    return lines, files


def _preference(repository: Repository, rank: int) -> str:
    # Two repositories of one host differ in nothing but their origin.
    origin = repository.description.origin
    return f"Package: *\nPin: release o={origin}\nPin-Priority: {_PRIORITIES[rank]}\n"
