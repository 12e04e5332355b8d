"""Files that appear whole or not at all, also after a crash."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from workers.outcome import InfrastructureFault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOCK_SECONDS = 300
_PARTIAL = ".partial-"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_MODE = 0o644
_libc = ctypes.CDLL(None, use_errno=True)


def sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def sha256_of(content: bytes) -> str:
    """The same of what is in memory."""
    return hashlib.sha256(content).hexdigest()


def write(path: Path, content: bytes, *, scratch: Path | None = None, after: float = 0) -> None:
    """Write a file under a temporary name, make it durable, and rename it into place.

    The temporary name is in the folder ``scratch`` of the same file system, or beside the file.
    Its time of modification is later than ``after``, by a whole second at least. Raises
    :class:`InfrastructureFault` when the disk is full; nothing is left of the file then.
    """
    with _appearing(path, scratch) as partial:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _finish(partial, after)
        partial.replace(path)


def link(source: Path, path: Path, *, scratch: Path | None = None) -> None:
    """Make a path another name of a file, replacing what the path named before."""
    with _appearing(path, scratch) as partial:
        partial.hardlink_to(source)
        partial.replace(path)
        # Two names of one file renamed onto each other stay two names (rename(2)).
        partial.unlink(missing_ok=True)


class Together:
    """Files that are written together; see :func:`together`."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._partials: dict[Path, Path] = {}
        self._folders: set[Path] = set()

    def write(self, path: Path, content: bytes, *, after: float = 0) -> None:
        """Write a file; ``after`` is as of :func:`write`."""
        partial = self._partial(path)
        partial.write_bytes(content)
        _finish(partial, after)

    def copy(self, source: Path, path: Path) -> None:
        """Copy a file."""
        partial = self._partial(path)
        shutil.copyfile(source, partial)
        _finish(partial)

    def link(self, source: Path, path: Path) -> None:
        """Make a path another name of a file, which may be one of those written together."""
        self._partial(path).hardlink_to(self._partials.get(source, source))

    def appear(self) -> None:
        """Make all of them durable, then rename them into place."""
        synchronise(self._scratch)
        for path, partial in self._partials.items():
            partial.replace(path)
            partial.unlink(missing_ok=True)  # as in :func:`link`

    def forget(self) -> None:
        """Remove what did not get to its place."""
        with suppress(OSError):
            for partial in self._partials.values():
                partial.unlink(missing_ok=True)

    def _partial(self, path: Path) -> Path:
        for folder in {self._scratch, path.parent} - self._folders:
            folder.mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        self._partials[path] = _partial_name(self._scratch, path)
        return self._partials[path]


@contextmanager
def together(scratch: Path) -> Iterator[Together]:
    """Write files that appear one after the other, in their order, when the block ends.

    Before the first of them appears, all of them are durable, and so is all that was done in
    their file system before: that costs about as much as making one file durable. They are written
    in the folder ``scratch``. Raises :class:`InfrastructureFault` when the disk is full.
    """
    made = Together(scratch)
    with full_disk_told(scratch):
        try:
            scratch.mkdir(parents=True, exist_ok=True)
            yield made
            made.appear()
        except BaseException:
            made.forget()
            raise


def synchronise(folder: Path) -> None:
    """Make all that was done in a folder's file system durable (syncfs(2))."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _libc.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(descriptor)


def settle(folder: Path) -> None:
    """Make renames within a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path, root: Path) -> None:
    """Remove a file, and folders above it that are empty now, up to a root."""
    path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder == root:
            return
        try:
            folder.rmdir()
        except OSError:  # not empty
            return


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


@contextmanager
def full_disk_told(what: Path) -> Iterator[None]:
    """Turn the errors of a full disk into an :class:`InfrastructureFault`."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise InfrastructureFault(
                f"the disk of {what} is full: make room, then the same works again"
            ) from error
        raise


@contextmanager
def _appearing(path: Path, scratch: Path | None) -> Iterator[Path]:
    """A temporary name for a path; nothing is left there in the end."""
    folder = scratch or path.parent
    partial = _partial_name(folder, path)
    with full_disk_told(path.parent):
        folder.mkdir(parents=True, exist_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
        except BaseException:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise


def _partial_name(folder: Path, path: Path) -> Path:
    return folder / f"{_PARTIAL}{secrets.token_hex(6)}-{path.name[:100]}"


def _finish(partial: Path, after: float = 0) -> None:
    """Give a file that is written its mode and its time."""
    partial.chmod(_MODE)
    if partial.stat().st_mtime < after + 1:
        os.utime(partial, (after + 1, after + 1))
