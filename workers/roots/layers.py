"""Layers over a root image: what some builds need besides, installed once and kept.

They are kept beside their image and go with it. What is in one is told by a note that its maker
writes and chooses it by. All layers of an image share a limit of size; those that were not used
for longest are forgotten.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers.roots.folders import CLOSED, LAYERS, OPEN, ROOT, held, remove, remove_unless_used

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workers.roots.cache import RootImage
    from workers.sandbox import Sandbox

Note = dict[str, Any]

_LIMIT = 10 << 30  # bytes of all layers of an image
_LEAST = 32 << 20  # bytes that a layer counts for at least: to look through many takes time
_MAKING = ".making-"
_NOTE_FILE, _SIZE_FILE = "note.json", "size"
_DIGITS = 20


@dataclass(frozen=True)
class Layer:
    """A layer in use."""

    path: Path
    """For ``over`` of :class:`workers.sandbox.Sandbox`."""
    note: Note


@contextlib.contextmanager
def used_layer(image: RootImage, fits: Callable[[Note], bool]) -> Iterator[Layer | None]:
    """Hold a layer whose note fits, or None: nobody removes it before the block ends."""
    for folder in _layers(image):
        with held(folder, fcntl.LOCK_SH) as there:
            note = json.loads((folder / _NOTE_FILE).read_text(encoding="utf-8")) if there else None
            if note is not None and fits(note):
                now = time.time_ns()  # the kernel's own "now" is the same for milliseconds
                os.utime(folder, ns=(now, now))
                yield Layer(folder / ROOT, note)
                return
    yield None


def keep_layer(image: RootImage, sandbox: Sandbox, note: Note, limit: int = _LIMIT) -> None:
    """Keep how a sandbox of the image differs from it now, but for what the build user owns.

    ``limit`` is in bytes. Of two that are kept at once under the same note one stays.
    """
    top = image.path.parent / LAYERS
    top.mkdir(exist_ok=True)
    for abandoned in top.glob(f"{_MAKING}*"):
        remove_unless_used(abandoned)
    told = json.dumps(note, sort_keys=True)
    final = top / hashlib.sha256(told.encode()).hexdigest()[:_DIGITS]
    making = Path(tempfile.mkdtemp(prefix=_MAKING, dir=top))
    with held(making, fcntl.LOCK_SH):
        try:
            making.chmod(OPEN)
            size = sandbox.keep(making)
            making.chmod(CLOSED)
            (making / _NOTE_FILE).write_text(told, encoding="utf-8")
            (making / _SIZE_FILE).write_text(str(size), encoding="utf-8")
            making.rename(final)
        except BaseException as error:
            remove(making)
            if not (isinstance(error, OSError) and final.is_dir()):
                raise
    _forget(image, limit)


def _layers(image: RootImage) -> list[Path]:
    """Those that are complete, the one used last first."""
    used = {}
    for folder in (image.path.parent / LAYERS).glob("[!.]*"):
        with contextlib.suppress(FileNotFoundError):  # it has just been forgotten
            used[folder] = folder.stat().st_mtime_ns
    return sorted(used, key=lambda folder: used[folder], reverse=True)


def _forget(image: RootImage, limit: int) -> None:
    size = 0
    for folder in _layers(image):
        with contextlib.suppress(FileNotFoundError):
            size += max(_LEAST, int((folder / _SIZE_FILE).read_text(encoding="utf-8")))
        if size > limit:
            remove_unless_used(folder)
