"""System users for workers: each with ranges of subordinate ids for its sandboxes.

Run by root when a machine is prepared; the demonstration and the tests do so.
"""

from __future__ import annotations

import fcntl
import pwd
import subprocess
from pathlib import Path

from workers.names import identifier
from workers.outcome import InfrastructureFault

_IDS = 65536
_FIRST = 1 << 20
_LAST = 1 << 31
_FILES = {"subuid": "--add-subuids", "subgid": "--add-subgids"}
_CONFIGURATION = Path("/etc")
_LOCK = Path("/run/lock/lockgate-users")


def ensure_user(name: str) -> pwd.struct_passwd:
    """Return the system user, made with a home and id ranges of its own if they are missing.

    Needs root. Raises BadRequest for a bad name and InfrastructureFault if the user cannot be made.
    """
    identifier(name)
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _exists(name):
            home = f"/var/lib/{name}"
            _call("useradd", "--system", "--create-home", "--home-dir", home, name)
        for file, option in _FILES.items():
            ranges = _ranges(_CONFIGURATION / file)
            if not any(owner == name and count >= _IDS for owner, _, count in ranges):
                first = _free(ranges)
                _call("usermod", option, f"{first}-{first + _IDS - 1}", name)
        return pwd.getpwnam(name)


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _ranges(file: Path) -> list[tuple[str, int, int]]:
    lines = file.read_text(encoding="utf-8").split() if file.exists() else []
    return [
        (owner, int(first), int(count))
        for owner, first, count in (line.split(":") for line in lines)
    ]


def _free(ranges: list[tuple[str, int, int]]) -> int:
    first = _FIRST
    for _, taken, count in sorted(ranges, key=lambda entry: entry[1]):
        if first < taken + count and taken < first + _IDS:
            first = taken + count
    if first + _IDS > _LAST:
        raise InfrastructureFault("no range of subordinate ids is free in /etc/subuid")
    return first


def _call(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise InfrastructureFault(f"{command[0]} failed: {done.stderr.strip()}")
