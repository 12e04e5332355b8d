"""Archives whose bits depend on nothing but the tree: names sorted, one time, no owners.

The same tree and time give the same archive on every machine, so that an upstream archive made
from git twice is one file and not two with one name.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import stat
import tarfile
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from workers.outcome import ChangeFault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_EXECUTABLE = 0o755
_PLAIN = 0o644
# Git's own data and quilt's record of applied patches are no part of a source.
_LEFT_OUT = frozenset({".git", ".pc"})
COMPRESSIONS = (".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar")


def write_tree(tree: Path, file: BinaryIO, *, top: str, mtime: int) -> None:
    """Write an uncompressed tar of everything in ``tree`` below the folder ``top``.

    Modes become 0755 or 0644 as git knows them. Raises ChangeFault for what is neither file,
    folder nor symbolic link.
    """
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(_member(top, tarfile.DIRTYPE, mtime))
        for path, status in walk(tree):
            name = f"{top}/{path}"
            if stat.S_ISDIR(status.st_mode):
                archive.addfile(_member(name, tarfile.DIRTYPE, mtime))
            elif stat.S_ISLNK(status.st_mode):
                link = _member(name, tarfile.SYMTYPE, mtime)
                link.linkname = os.readlink(tree / path)  # noqa: PTH115 - a Path would tidy it up
                archive.addfile(link)
            else:
                _add_file(archive, tree / path, name, mtime)


def write_compressed(tree: Path, file: BinaryIO, *, name: str, top: str, mtime: int) -> None:
    """Write a tar compressed as its name's ending, one of :data:`COMPRESSIONS`, says."""
    with _compressor(file, name) as compressed:
        write_tree(tree, cast("BinaryIO", compressed), top=top, mtime=mtime)


def walk(tree: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield each path below a tree in sorted order, links not followed.

    Raises ChangeFault for devices, fifos and sockets, which no source can hold.
    """
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        below = []
        with os.scandir(tree / folder) as entries:
            found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
        for entry in found:
            if entry.name in _LEFT_OUT and not folder:
                continue
            status = entry.stat(follow_symlinks=False)
            path = f"{folder}/{entry.name}".lstrip("/")
            if not (
                stat.S_ISREG(status.st_mode)
                or stat.S_ISDIR(status.st_mode)
                or stat.S_ISLNK(status.st_mode)
            ):
                raise ChangeFault(f"{path!a} in the tree is no file, folder or symbolic link")
            yield path, status
            if stat.S_ISDIR(status.st_mode):
                below.append(path)
        waiting.extend(reversed(below))


def _add_file(archive: tarfile.TarFile, path: Path, name: str, mtime: int) -> None:
    opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(opened, "rb") as file:
        status = os.fstat(opened)
        member = _member(name, tarfile.REGTYPE, mtime)
        member.size = status.st_size
        member.mode = _EXECUTABLE if status.st_mode & stat.S_IXUSR else _PLAIN
        archive.addfile(member, file)


def _member(name: str, kind: bytes, mtime: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.mode = _EXECUTABLE
    member.mtime = mtime
    return member


def _compressor(file: BinaryIO, name: str) -> IO[bytes]:
    if name.endswith((".gz", ".tgz")):
        # Without a name and a time in it, as gzip --no-name writes.
        return cast("IO[bytes]", gzip.GzipFile("", "wb", 9, file, mtime=0))
    if name.endswith(".xz"):
        return lzma.open(file, "wb")
    if name.endswith(".bz2"):
        return bz2.open(file, "wb")
    return open(file.fileno(), "wb", closefd=False)
