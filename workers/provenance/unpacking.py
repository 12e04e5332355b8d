"""Compressed index files unpacked as clients unpack them, without trusting their size."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import tempfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import zstandard

from workers.outcome import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CHUNK = 1 << 20
_MEMORY = 128 << 20  # of a decompressor, in bytes
_DAMAGES = (gzip.BadGzipFile, zlib.error, lzma.LZMAError, zstandard.ZstdError, EOFError)
_MOST_UNPACKED = 2 << 30  # bytes: of an index of some million packages


@dataclass(frozen=True)
class Content:
    """What an index says that a file holds."""

    sha256: str
    size: int
    """In bytes."""


@contextmanager
def unpacked(packed: Path, encoding: str, size: int, sha256: str | None) -> Iterator[Path]:
    """A file with what an index file unpacks to; ``encoding`` is the ending of its name.

    Raises BadRequest if that has not this size in bytes, or not this SHA-256 if one is told.
    """
    if encoding not in ENCODINGS:
        raise BadRequest(f"nobody knows how to unpack {encoding!a}")
    if size > _MOST_UNPACKED:
        raise BadRequest(f"it unpacks to {size} bytes, more than {_MOST_UNPACKED}")
    digest, read = hashlib.sha256(), 0
    with tempfile.NamedTemporaryFile() as plain:
        try:
            for chunk in ENCODINGS[encoding](packed):
                digest.update(chunk)
                read += len(chunk)
                if read > size:
                    break
                plain.write(chunk)
        except _DAMAGES as error:
            raise BadRequest(f"it cannot be unpacked: {error}") from error
        if read != size or sha256 not in (None, digest.hexdigest()):
            raise BadRequest("what is in it is not what was listed")
        plain.flush()
        yield Path(plain.name)


def _plain(path: Path) -> Iterator[bytes]:
    with path.open("rb") as content:
        while chunk := content.read(_CHUNK):
            yield chunk


def _gz(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as content:
        while chunk := content.read(_CHUNK):
            yield chunk


def _xz(path: Path) -> Iterator[bytes]:
    """One stream: APT reads no other."""
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
    with path.open("rb") as content:
        while not decompressor.eof:
            more = content.read(_CHUNK) if decompressor.needs_input else b""
            if decompressor.needs_input and not more:
                raise EOFError("it ends too early")
            yield decompressor.decompress(more, _CHUNK)
        if decompressor.unused_data or content.read(1):
            raise EOFError("something follows its end")


def _zst(path: Path) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MEMORY)
    with (
        path.open("rb") as content,
        decompressor.stream_reader(content, read_across_frames=True) as plain,
    ):
        while chunk := plain.read(_CHUNK):
            yield chunk


ENCODINGS: dict[str, Callable[[Path], Iterator[bytes]]] = {
    "": _plain,
    "gz": _gz,
    "xz": _xz,
    "zst": _zst,
}
