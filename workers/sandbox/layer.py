"""Copies an overlay's upper layer, so that it can lie below the overlays of others.

See "whiteouts and opaque directories" and "User xattr" in the kernel's
Documentation/filesystems/overlayfs.rst.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from workers.sandbox.entries import OPAQUE, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

_OF_OVERLAYS = "user.overlay."
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def copy_layer(upper: int, target: int, without: int) -> int:
    """Copy what is in one open folder into another; return the bytes of its files.

    What the user ``without`` owns is left out, and so is what nothing can be read from. Nothing
    may write to the layer meanwhile.
    """
    size = 0
    copied: dict[int, str] = {}  # by inode number: further names of one file
    folders = []
    for path, status in _wanted(upper, without):
        first = copied.setdefault(status.st_ino, path)
        if stat.S_ISDIR(status.st_mode):
            os.mkdir(path, dir_fd=target)
            folders.append((path, status))
            continue
        if first != path:
            os.link(first, path, src_dir_fd=target, dst_dir_fd=target, follow_symlinks=False)
            continue
        if stat.S_ISREG(status.st_mode):
            size += _copy_file(upper, target, path)
        elif stat.S_ISLNK(status.st_mode):
            os.symlink(os.readlink(path, dir_fd=upper), path, dir_fd=target)
        else:  # a whiteout
            os.mknod(path, stat.S_IFCHR, dir_fd=target)
        _describe(upper, target, path, status)
    # From within, or what is put into a folder would change its time again.
    for path, status in reversed(folders):
        _describe(upper, target, path, status)
    return size


def _wanted(upper: int, without: int) -> Iterator[tuple[str, os.stat_result]]:
    left_out: list[str] = []
    for path, status in walk(upper, ".", ()):
        kind = stat.S_IFMT(status.st_mode)
        if status.st_uid == without or kind in (stat.S_IFIFO, stat.S_IFSOCK):
            left_out.append(f"{path}/")
        elif not path.startswith(tuple(left_out)):
            yield path, status


def _copy_file(upper: int, target: int, path: str) -> int:
    source = os.open(path, _READ, dir_fd=upper)
    copy = os.open(path, _CREATE, 0o600, dir_fd=target)
    try:
        left = size = os.fstat(source).st_size
        while left:
            left -= os.sendfile(copy, source, None, left)
    finally:
        os.close(source)
        os.close(copy)
    return size


def _describe(upper: int, target: int, path: str, status: os.stat_result) -> None:
    """Give a copy the owner, mode, attributes and time of its original."""
    os.chown(path, status.st_uid, status.st_gid, dir_fd=target, follow_symlinks=False)
    if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
        source, copy = (os.open(path, _READ, dir_fd=layer) for layer in (upper, target))
        try:
            os.fchmod(copy, stat.S_IMODE(status.st_mode))
            for name in os.listxattr(source):
                # What else overlays note is about the layers they were made of.
                if name == OPAQUE or not name.startswith(_OF_OVERLAYS):
                    os.setxattr(copy, name, os.getxattr(source, name))
        finally:
            os.close(source)
            os.close(copy)
    times = (status.st_atime_ns, status.st_mtime_ns)
    os.utime(path, ns=times, dir_fd=target, follow_symlinks=False)
