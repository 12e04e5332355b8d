"""Writes a git tree into a folder: files, executable bits and symbolic links, nothing else.

Contents are written as they are in git; attributes and filters of the tree have no say, and no
link is followed while writing.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from workers.outcome import ChangeFault, InfrastructureFault
from workers.source.tree import (
    EXECUTABLE,
    FILE,
    LINK,
    SUBMODULE,
    Blob,
    check_paths,
    list_tree,
    printable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

    from workers.source.git import Git

MOST_BYTES = 8 << 30

_CHUNK = 1 << 20
_LONGEST_LINK = 4096
_FOLDER_MODE = 0o755
_FILE_MODES = {FILE: 0o644, EXECUTABLE: 0o755}


def check_entries(entries: Mapping[str, Blob]) -> None:
    """Refuse a tree that cannot be written safely, with a :class:`ChangeFault`. Pure."""
    check_paths(entries)
    files = set(entries)
    for path, blob in entries.items():
        parts = path.split("/")
        shown = printable(path)
        if blob.mode == SUBMODULE:
            raise ChangeFault(
                f"{shown} is a submodule, which is not supported: commit the files themselves"
            )
        if blob.mode not in (*_FILE_MODES, LINK):
            raise ChangeFault(f"{shown} has mode {blob.mode}; only files and links are supported")
        for depth in range(1, len(parts)):
            if "/".join(parts[:depth]) in files:
                raise ChangeFault(f"{shown} lies below a file or link of the same tree")


def export_tree(git: Git, tree: str, folder: Path) -> None:
    """Write a tree into ``folder``, in place of what was there; whole or not at all.

    Raises ChangeFault for a submodule, a path that would escape or a tree too large, and
    InfrastructureFault when the disk does not take it.
    """
    entries = list_tree(git, tree)
    check_entries(entries)
    folder = folder.absolute()
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        for old in (partial, folder):
            if old.is_symlink() or old.exists():
                shutil.rmtree(old)
        partial.mkdir(parents=True)
        _write(git, entries, partial)
        partial.rename(folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise InfrastructureFault(f"cannot write the source tree to {folder}: {error}") from error


def _write(git: Git, entries: Mapping[str, Blob], top: Path) -> None:
    top.chmod(_FOLDER_MODE)
    folders = {PurePosixPath(".")}
    left = MOST_BYTES
    with git.open("cat-file", "--batch") as blobs:
        if blobs.stdin is None or blobs.stdout is None:
            raise AssertionError("opened with pipes")
        for path, blob in entries.items():
            for parent in reversed(PurePosixPath(path).parents):
                if parent not in folders:
                    (top / parent).mkdir()
                    (top / parent).chmod(_FOLDER_MODE)
                    folders.add(parent)
            blobs.stdin.write(f"{blob.object_id}\n".encode())
            blobs.stdin.flush()
            size = _size(blobs.stdout.readline())
            left -= size
            if left < 0:
                raise ChangeFault(f"the source tree has more than {MOST_BYTES >> 30} GiB")
            _write_entry(blobs.stdout, size, blob.mode, top / path)
            blobs.stdout.read(1)


def _size(header: bytes) -> int:
    try:
        _, _, size = header.split()
    except ValueError:
        raise InfrastructureFault(f"git lacks a file of the tree: {header!a}") from None
    return int(size)


def _write_entry(source: IO[bytes], size: int, mode: str, target: Path) -> None:
    if mode == LINK:
        if size > _LONGEST_LINK:
            raise ChangeFault(f"{printable(target.name)} is a link of {size} bytes")
        destination = source.read(size)
        if not destination or b"\0" in destination:
            raise ChangeFault(f"{printable(target.name)} is a link to nothing")
        target.symlink_to(os.fsdecode(destination))
        return
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, stat.S_IRUSR)
    with os.fdopen(descriptor, "wb") as file:
        while size > 0:
            chunk = source.read(min(size, _CHUNK))
            if not chunk:
                raise InfrastructureFault("git ended in the middle of a file")
            file.write(chunk)
            size -= len(chunk)
        os.fchmod(file.fileno(), _FILE_MODES[mode])
