"""Configuration of dnf: dnf.conf(5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.clients.repository import Rank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.clients.repository import BaseRepository, Repository

FIRST = "lockgate-0"
"""What dnf calls the first of the repositories."""
# Lower is better; the base distribution has dnf's default.
_PRIORITIES = {Rank.TESTED: 1, Rank.AHEAD: 2, Rank.RELEASE: 50, Rank.BASE: 99}


def dnf_files(
    repositories: Sequence[Repository], base: Sequence[BaseRepository] = ()
) -> dict[str, bytes]:
    """Files by their paths that make dnf read the repositories, in the order of their ranks."""
    files = {}
    read: list[Repository | BaseRepository] = [*repositories, *base]
    for place, repository in enumerate(read):
        name = f"lockgate-{place}"
        keyring = None
        if repository.key_url is not None:
            keyring = f"/etc/pki/rpm-gpg/{name}"
            files[keyring] = repository.fetch_key()
        text = section(repository, place, keyring and f"file://{keyring}")
        files[f"/etc/yum.repos.d/{name}.repo"] = text.encode()
    return files


def section(repository: Repository | BaseRepository, place: int, key: str | None) -> str:
    """What dnf is told of one repository; with ``key``, where its packages' key is. Pure."""
    name = f"lockgate-{place}"
    check = "gpgcheck=0" if key is None else f"gpgcheck=1\ngpgkey={key}"
    # Of a package dnf then hides what repositories of a higher number have.
    priority = _PRIORITIES[repository.rank]
    return (
        f"[{name}]\nname={name}\nbaseurl={repository.url}/\nenabled=1\n{check}\n"
        f"repo_gpgcheck=0\npriority={priority}\nmetadata_expire=1\nskip_if_unavailable=0\n"
    )
