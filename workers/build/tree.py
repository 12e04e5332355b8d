"""Checks of a source tree under review, made before anything in it is run."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from workers.build.tarball import walk
from workers.outcome import BadRequest, ChangeFault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_ARCHIVE = re.compile(r"\.(tar(\.[a-z0-9]+)?|tgz|tbz2?|txz|tlz|tzst|zip|7z|cpio|crate|gem)$", re.I)
_UPSTREAM = re.compile(r"\.orig(-[^/]*)?\.tar(\.[a-z0-9]+)?$", re.I)
_LARGEST_TEXT = 8 << 20
_SHOWN = 5


def allowed_archives(tree: Path, path: str) -> tuple[str, ...]:
    """Patterns (fnmatch(3)) of paths that a package's own list says may be archives."""
    if not (tree / path).exists():
        return ()
    lines = [line.strip() for line in read_text(tree, path).splitlines()]
    return tuple(line for line in lines if line and not line.startswith("#"))


def refuse_archives(tree: Path, allowed: Sequence[str], where: str) -> None:
    """Raise ChangeFault if the tree holds an archive, which may stand for unpacked source.

    One that matches a pattern of ``allowed`` is data; one named ``*.orig.tar.*`` never is.
    ``where`` says in which file of the package the patterns are.
    """
    found = []
    for path, status in walk(tree):
        if not stat.S_ISREG(status.st_mode):
            continue
        is_data = any(fnmatchcase(path, pattern) for pattern in allowed)
        if _UPSTREAM.search(path) or (_ARCHIVE.search(path) and not is_data):
            found.append(path)
    if found:
        shown = ", ".join(repr(path) for path in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise ChangeFault(
            f"the tree holds a source archive: {shown}{more}; commit the source unpacked instead",
            "Sources are reviewed unpacked. Remove the archive from the commit and add the files "
            "in it; Lockgate makes the upstream archive itself when it builds. An archive that is "
            f"data, such as a test's, has to be named in {where}.",
        )


def tree_id(tree: Path) -> str:
    """Git's id of a folder's content as a tree object (gitformat-pack(5), git-hash-object(1)).

    For a tree exported from git it is the id of that tree.
    """
    entries: dict[str, list[tuple[bytes, bytes]]] = {"": []}

    def add(path: str, mode: bytes, kind: bytes, content: bytes) -> None:
        folder, _, name = path.rpartition("/")
        raw = os.fsencode(name)
        # Git sorts a folder as if its name ended in a slash.
        order = raw + b"/" if kind == b"tree" else raw
        digest = hashlib.sha1(b"%s %d\0" % (kind, len(content)) + content, usedforsecurity=False)
        entries[folder].append((order, mode + b" " + raw + b"\0" + digest.digest()))

    folders = []
    for path, status in walk(tree):
        if stat.S_ISDIR(status.st_mode):
            folders.append(path)
            entries[path] = []
        elif stat.S_ISLNK(status.st_mode):
            add(path, b"120000", b"blob", os.fsencode(os.readlink(tree / path)))  # noqa: PTH115
        else:
            mode = b"100755" if status.st_mode & stat.S_IXUSR else b"100644"
            add(path, mode, b"blob", (tree / path).read_bytes())
    for folder in sorted(folders, key=lambda path: path.count("/"), reverse=True):
        add(folder, b"40000", b"tree", _listed(entries[folder]))
    top = _listed(entries[""])
    return hashlib.sha1(b"tree %d\0" % len(top) + top, usedforsecurity=False).hexdigest()


def _listed(entries: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(entry for _, entry in sorted(entries))


def read_text(tree: Path, path: str) -> str:
    """Return a small text file of the tree; ChangeFault if it is missing, linked or too large."""
    if not tree.is_dir():
        raise BadRequest(f"there is no tree at {tree}")
    folder = os.open(tree, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        *folders, name = path.split("/")
        for part in folders:
            below = os.open(
                part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder
            )
            os.close(folder)
            folder = below
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        opened = os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        raise ChangeFault(f"{path} is missing in the tree") from None
    except OSError as error:
        raise ChangeFault(f"{path} must be a plain file in plain folders: {error}") from error
    finally:
        os.close(folder)
    with os.fdopen(opened, "rb") as file:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise ChangeFault(f"{path} is no plain file")
        content = file.read(_LARGEST_TEXT + 1)
    if len(content) > _LARGEST_TEXT:
        raise ChangeFault(f"{path} is longer than {_LARGEST_TEXT} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ChangeFault(f"{path} is not written in UTF-8: {error}") from error
