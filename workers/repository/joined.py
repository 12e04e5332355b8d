"""Compressed files made of pieces that were compressed apart.

An index is kept in pieces so that one new package costs the compression of its own piece and not
of the whole index. Pieces are joined into one valid file: gzip members (RFC 1952, 2.2), zstd
frames (RFC 8878, 3.1), and the blocks of one xz stream (the .xz file format 1.1.0, section 2). Xz
streams one after the other would be valid too, but APT reads only the first.
"""

from __future__ import annotations

import gzip
import lzma
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import zstandard

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Encoding = Literal["", "gz", "xz", "zst"]
"""How an index is compressed, the ending of its file's name; '' is not at all."""

_GZIP_LEVEL = 6
_ZSTD_LEVEL = 9
# Pieces are small: a larger dictionary would cost more to set up than it saves.
_XZ_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 4, "dict_size": 1 << 20}]
_XZ_HEADER = 12
_XZ_FOOTER = 12


@dataclass(frozen=True)
class Cut:
    """Where a piece lies: its bytes in the file, bytes before compression, xz's unpadded size."""

    length: int
    size: int
    unpadded: int = 0


@dataclass(frozen=True)
class Piece:
    """One piece, compressed."""

    body: bytes
    cut: Cut


def compress(encoding: Encoding, text: bytes) -> Piece:
    """Compress a piece; the same text always gives the same piece, and none is nothing."""
    if not text:
        return Piece(b"", Cut(0, 0))
    if encoding == "xz":
        return _xz_block(text)
    body = _compressed(encoding, text)
    return Piece(body, Cut(len(body), len(text)))


def join(encoding: Encoding, bodies: Iterable[bytes | memoryview], cuts: Sequence[Cut]) -> bytes:
    """One file of all pieces, in their order; several of them may be one body."""
    if encoding == "xz":
        index = _xz_index(cuts)
        return b"".join((_xz_header(), *bodies, index, _xz_footer(index)))
    return b"".join(bodies) or _compressed(encoding, b"")


def offset(encoding: Encoding) -> int:
    """Where the first piece begins in a joined file."""
    return _XZ_HEADER if encoding == "xz" else 0


def _compressed(encoding: Encoding, text: bytes) -> bytes:
    match encoding:
        case "gz":
            return gzip.compress(text, _GZIP_LEVEL, mtime=0)
        case "zst":
            return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(text)
        case "xz":
            return lzma.compress(text, lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=_XZ_FILTERS)
        case "":
            return text


def _xz_block(text: bytes) -> Piece:
    stream = _compressed("xz", text)
    (backward,) = struct.unpack_from("<I", stream, len(stream) - _XZ_FOOTER + 4)
    index_at = len(stream) - _XZ_FOOTER - (backward + 1) * 4
    # Index indicator, number of records (one), then the record itself.
    unpadded, _ = _read_number(stream, index_at + 2)
    body = stream[_XZ_HEADER:index_at]
    return Piece(body, Cut(len(body), len(text), unpadded))


def _xz_flags() -> bytes:
    return bytes((0, lzma.CHECK_CRC32))


def _xz_header() -> bytes:
    return b"\xfd7zXZ\x00" + _xz_flags() + struct.pack("<I", zlib.crc32(_xz_flags()))


def _xz_index(cuts: Sequence[Cut]) -> bytes:
    records = [cut for cut in cuts if cut.size]
    index = bytearray(b"\x00" + _number(len(records)))
    for cut in records:
        index += _number(cut.unpadded) + _number(cut.size)
    index += bytes(-len(index) % 4)
    return bytes(index) + struct.pack("<I", zlib.crc32(index))


def _xz_footer(index: bytes) -> bytes:
    size_and_flags = struct.pack("<I", len(index) // 4 - 1) + _xz_flags()
    return struct.pack("<I", zlib.crc32(size_and_flags)) + size_and_flags + b"YZ"


def _number(value: int) -> bytes:
    """A variable-length integer (.xz file format, 1.2)."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _read_number(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
