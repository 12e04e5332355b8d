"""The subordinate ids (subuid(5)) that a sandbox's users are mapped to."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING

from workers.outcome import InfrastructureFault

if TYPE_CHECKING:
    from collections.abc import Sequence

ID_COUNT = 65536


def first_subordinate_id(file: str) -> int:
    """Return the start of the calling user's range in /etc/subuid or /etc/subgid."""
    user = pwd.getpwuid(os.getuid())
    path = Path("/etc", file)
    for line in path.read_text(encoding="utf-8").split() if path.exists() else ():
        owner, first, count = line.split(":")
        if owner in {user.pw_name, str(user.pw_uid)} and int(count) >= ID_COUNT:
            return int(first)
    raise InfrastructureFault(
        f"user {user.pw_name} has no range of {ID_COUNT} ids in {path}: add one with usermod(8)"
    )


def as_namespace_root(command: Sequence[str]) -> list[str]:
    """Return the command line that runs a command as the sandboxes' root, who owns their files.

    It sees the whole host, but may do no more there than any user without rights.
    """
    users, groups = first_subordinate_id("subuid"), first_subordinate_id("subgid")
    return [
        "unshare",
        "--user",
        f"--map-users={users},0,{ID_COUNT}",
        f"--map-groups={groups},0,{ID_COUNT}",
        "--setuid=0",
        "--setgid=0",
        "--",
        *command,
    ]
