"""Files that appear whole or not at all, also after a crash."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from workers.outcome import ChangeFault, InfrastructureFault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOCK_SECONDS = 300
_PARTIAL = ".partial-"


def sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def write(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, make it durable, and rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(path)
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.chmod(0o644)
    partial.replace(path)


def place(source: Path, path: Path) -> None:
    """Copy a file to where it is served, unless it is there already.

    Raises :class:`ChangeFault` when other bytes are there: what was published never changes.
    """
    if path.exists():
        if sha256(path) != sha256(source):
            raise ChangeFault(
                f"{path.name} is already published with other content; raise the version "
                "(the upstream version, when it is an upstream archive)"
            )
        return
    write(path, source.read_bytes())


def link(source: Path, path: Path) -> None:
    """Make a path another name of a file, replacing what the path named before."""
    partial = _partial(path)
    partial.hardlink_to(source)
    partial.replace(path)


def settle(folder: Path) -> None:
    """Make renames within a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_older(folder: Path, keep: set[Path], seconds: float) -> None:
    """Remove files last placed or used longer ago than that, and left-overs of crashes."""
    limit = time.time() - seconds
    for path in folder.rglob("*"):
        if path.is_file() and path not in keep and path.stat().st_mtime < limit:
            path.unlink()


def touch(paths: set[Path]) -> None:
    """Start the time from which files that leave a generation are kept."""
    for path in paths:
        if path.exists():
            os.utime(path)


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a repository alone; raises :class:`InfrastructureFault` when that takes too long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + _LOCK_SECONDS
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise InfrastructureFault(
                        f"{path} has been held by another for long"
                    ) from error
                time.sleep(0.05)
        yield


def _partial(path: Path) -> Path:
    return path.with_name(f"{_PARTIAL}{secrets.token_hex(6)}-{path.name[:100]}")
