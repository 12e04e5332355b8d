"""What git trees hold, and names of files that strangers chose."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from workers.outcome import ChangeFault

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import IO

    from workers.source.git import Git

FILE = "100644"
EXECUTABLE = "100755"
LINK = "120000"
SUBMODULE = "160000"

# A few small git objects can describe a tree of billions of files.
MOST_ENTRIES = 500_000

_CHUNK = 1 << 16
_LONGEST_PATH = 3000
_SHOWN_FILES = 5


class Blob(NamedTuple):
    """What is at a path: its mode as git writes it, and its object."""

    mode: str
    object_id: str


def list_tree(git: Git, tree: str) -> dict[str, Blob]:
    """Return a tree's files by path; ChangeFault if there are more than MOST_ENTRIES."""
    entries: dict[str, Blob] = {}
    with git.open("ls-tree", "-r", "-z", "--full-tree", tree) as listing:
        if listing.stdout is None:
            raise AssertionError("opened with a pipe")
        for record in _records(listing.stdout):
            about, _, path = record.partition(b"\t")
            mode, _, object_id = about.decode().split(" ")
            if len(entries) == MOST_ENTRIES:
                raise ChangeFault(f"the tree has more than {MOST_ENTRIES} files")
            entries[os.fsdecode(path)] = Blob(mode, object_id)
    return entries


def check_paths(paths: Collection[str]) -> None:
    """Refuse names that git or a file system would take for something else. Pure.

    Gerrit refuses them as well; a tree made by hand may hold them. Raises :class:`ChangeFault`.
    """
    for path in paths:
        if len(path) > _LONGEST_PATH:
            raise ChangeFault(f"{printable(path[:100])}... is too long for the name of a file")
        if any(part in ("", ".", "..") or part.lower() == ".git" for part in path.split("/")):
            raise ChangeFault(f"{printable(path)} is not allowed as the name of a file in a tree")


def printable(path: str) -> str:
    """Return a path with everything that is no ordinary character escaped."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode-escape").decode()
        for letter in path
    )


def some_of(paths: list[str]) -> str:
    """Name the first few of the paths for a person."""
    shown = ", ".join(paths[:_SHOWN_FILES])
    more = len(paths) - _SHOWN_FILES
    return f"{shown} and {more} more" if more > 0 else shown


def _records(stream: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while chunk := stream.read(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
