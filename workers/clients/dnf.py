"""Configuration of dnf: dnf.conf(5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.clients.repository import Repository

FIRST = "lockgate-0"
"""What dnf calls the first of the repositories."""
# Lower is better; repositories of the base distribution have dnf's default of 99.
_PRIORITIES = {0: 1, 1: 2, None: 50}


def dnf_files(repositories: Sequence[Repository]) -> dict[str, bytes]:
    """Files by their paths that make dnf read the repositories, in the order of their ranks."""
    files = {}
    for place, repository in enumerate(repositories):
        name = f"lockgate-{place}"
        check = "gpgcheck=0"
        if repository.description.key is not None:
            keyring = f"/etc/pki/rpm-gpg/{name}"
            files[keyring] = repository.fetch_key()
            check = f"gpgcheck=1\ngpgkey=file://{keyring}"
        # Of a package dnf then hides what repositories of a higher number have.
        priority = _PRIORITIES[repository.rank]
        files[f"/etc/yum.repos.d/{name}.repo"] = (
            f"[{name}]\nname={name}\nbaseurl={repository.url}/\nenabled=1\n{check}\n"
            f"repo_gpgcheck=0\npriority={priority}\nmetadata_expire=1\nskip_if_unavailable=0\n"
        ).encode()
    return files
