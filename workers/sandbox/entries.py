"""How a disposable root differs from its image, read from the overlay's upper layer.

See "Permission model" and "whiteouts and opaque directories" in the kernel's
Documentation/filesystems/overlayfs.rst. Meant for when nothing runs in the root any more.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

OPAQUE = "user.overlay.opaque"
_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


@dataclass(frozen=True)
class Entry:
    """What is at one path: ``content`` is a file's sha256 or a link's target."""

    kind: str
    mode: int
    owner: int
    group: int
    size: int
    content: str


def differences(upper: int, lower: int, exclude: Collection[str]) -> dict[str, Entry | None]:
    """Absolute path -> present entry, or None where the image's own was removed.

    ``upper`` and ``lower`` are open folders: the overlay's upper layer and the image.
    """
    found: dict[str, Entry | None] = {}
    for path, status in walk(upper, ".", exclude):
        before = _status(lower, path)
        if _is_whiteout(status):
            if before is not None:
                _mark_removed(found, lower, path, exclude)
            continue
        now = _entry(upper, path, status)
        if before is None or now != _entry(lower, path, before):
            found[_absolute(path)] = now
        if (
            before is not None
            and stat.S_ISDIR(before.st_mode)
            and _hides_image(upper, path, status)
        ):
            _mark_removed(found, lower, path, exclude, present=upper)
    return dict(sorted(found.items()))


def _mark_removed(
    found: dict[str, Entry | None],
    lower: int,
    path: str,
    exclude: Collection[str],
    present: int | None = None,
) -> None:
    if present is None:
        found[_absolute(path)] = None
    status = _status(lower, path)
    if status is None or not stat.S_ISDIR(status.st_mode):
        return
    for below, _ in walk(lower, path, exclude):
        if present is None or _status(present, below) is None:
            found[_absolute(below)] = None


def walk(layer: int, top: str, exclude: Collection[str]) -> Iterator[tuple[str, os.stat_result]]:
    """Paths below one of an open layer, beginning with ``.``, each folder before its content."""
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=layer)
        try:
            names = os.listdir(opened)  # noqa: PTH208 - an open folder has no Path
        finally:
            os.close(opened)
        for name in names:
            path = f"{folder}/{name}"
            if _absolute(path) in exclude:
                continue
            status = os.stat(path, dir_fd=layer, follow_symlinks=False)
            yield path, status
            if stat.S_ISDIR(status.st_mode):
                waiting.append(path)


def _absolute(path: str) -> str:
    return path.removeprefix(".")


def _status(layer: int, path: str) -> os.stat_result | None:
    try:
        return os.stat(path, dir_fd=layer, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _hides_image(upper: int, path: str, status: os.stat_result) -> bool:
    if not stat.S_ISDIR(status.st_mode):
        return True
    opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=upper)
    try:
        return os.getxattr(opened, OPAQUE) == b"y"
    except OSError:  # it has no such attribute
        return False
    finally:
        os.close(opened)


def _entry(layer: int, path: str, status: os.stat_result) -> Entry:
    kind = _KINDS[stat.S_IFMT(status.st_mode)]
    content = ""
    if kind == "file":
        content = _sha256(layer, path)
    elif kind == "link":
        content = os.readlink(path, dir_fd=layer)
    return Entry(
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        owner=status.st_uid,
        group=status.st_gid,
        size=0 if kind == "folder" else status.st_size,
        content=content,
    )


def _sha256(layer: int, path: str) -> str:
    opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=layer)
    with os.fdopen(opened, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
