"""What a repository offers to a mirror, and how that differs from what is there. Pure but for
looking at the disk once.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """A file or symbolic link."""

    identity: str
    """Changes when it is replaced; a copy with the same time has the same."""
    inode: int
    """Names with one inode are one file."""


def list_repository(root: Path) -> dict[str, Entry]:
    """All files below a repository's root that clients may see, by their paths."""
    return dict(_walk(root, ""))


def to_send(listing: Mapping[str, Entry], there: Mapping[str, str]) -> list[str]:
    """Paths that are missing on a mirror or other files there, and all other names of the same
    files: those that the mirror has need no sending, they are linked.

    ``there`` holds identities by paths.
    """
    new = {path for path, entry in listing.items() if there.get(path) != entry.identity}
    inodes = {listing[path].inode for path in new}
    return sorted(path for path, entry in listing.items() if entry.inode in inodes)


def to_remove(listing: Mapping[str, Entry], there: Iterable[str]) -> list[str]:
    """What a mirror has and the repository has not: whole folders where nothing of one is left."""
    folders = {folder for path in listing for folder in _folders(path)}
    gone = set()
    for path in set(there) - set(listing):
        empty = [folder for folder in _folders(path) if folder not in folders]
        gone.add(empty[-1] if empty else path)  # the topmost
    return sorted(gone)


def _folders(path: str) -> Iterator[str]:
    """The folders a path is in, from the inmost."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, Entry]]:
    # What expires meanwhile is not there.
    with suppress(FileNotFoundError), os.scandir(folder) as found:
        for entry in found:
            # Hidden names are the publisher's own.
            if entry.name.startswith("."):
                continue
            path = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(folder / entry.name, f"{path}/")
                continue
            with suppress(FileNotFoundError):
                about = entry.stat(follow_symlinks=False)
                target = f" -> {(folder / entry.name).readlink()}" if entry.is_symlink() else ""
                yield path, Entry(f"{about.st_size}:{about.st_mtime_ns}{target}", about.st_ino)
