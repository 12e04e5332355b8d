"""What a repository offers to a mirror, and how that differs from what is there."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from workers.mirrors.kinds import FIXED_FOLDERS, is_fixed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

NEXT = ".next"
"""Folder of a mirror: what changes is brought there, before clients see it."""


@dataclass(frozen=True)
class Entry:
    """A file or symbolic link."""

    identity: str
    """Changes when it is replaced; a copy with the same time has the same."""
    inode: int
    """Names with one inode are one file."""


@dataclass(frozen=True)
class Offer:
    """What a repository has for its mirrors at one moment."""

    commits: dict[str, str]
    """SHA-256 of each commit point, by path."""
    changing: dict[str, Entry]
    """Files of which clients expect the content that belongs to the generation they read."""
    fixed: dict[str, Entry]
    """All others."""

    @cached_property
    def coming(self) -> dict[str, Entry]:
        """What a mirror must have before clients may see the generation."""
        hidden = {f"{NEXT}/{path}": entry for path, entry in self.changing.items()}
        return {**self.fixed, **hidden}

    @cached_property
    def listing(self) -> dict[str, Entry]:
        """What a mirror has in the end."""
        return {**self.coming, **self.changing}


def list_fixed(root: Path) -> dict[str, Entry]:
    """The files below a repository's root that clients may see and that never change, by path."""
    return {path: entry for path, entry in _walk(root, "") if is_fixed(path)}


def list_changing(root: Path) -> dict[str, Entry]:
    """All others that clients may see. There are few of them, whatever is published."""
    few = _walk(root, "", without=FIXED_FOLDERS)
    return {path: entry for path, entry in few if not is_fixed(path)}


def entry_of(path: Path) -> Entry:
    """What is told of one file."""
    about = path.stat(follow_symlinks=False)
    target = f" -> {path.readlink()}" if stat.S_ISLNK(about.st_mode) else ""
    return Entry(f"{about.st_size}:{about.st_mtime_ns}{target}", about.st_ino)


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


def _walk(
    folder: Path, prefix: str, *, without: frozenset[str] = frozenset()
) -> Iterator[tuple[str, Entry]]:
    # What expires meanwhile is not there.
    with suppress(FileNotFoundError), os.scandir(folder) as found:
        for entry in found:
            # Hidden names are the publisher's own.
            if entry.name.startswith(".") or entry.name in without:
                continue
            path = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(folder / entry.name, f"{path}/", without=without)
                continue
            with suppress(FileNotFoundError):
                yield path, entry_of(Path(entry.path))
