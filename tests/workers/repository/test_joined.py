"""Files joined from pieces are what every decompressor takes for one file."""

from __future__ import annotations

import gzip
import lzma
import subprocess
from typing import TYPE_CHECKING

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from workers.repository.joined import compress, join

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.repository.joined import Encoding


def _unxz(content: bytes) -> bytes:
    # One stream only, as APT reads it.
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ)
    text = decompressor.decompress(content)
    assert decompressor.eof
    assert not decompressor.unused_data
    return text


def _unzstd(content: bytes) -> bytes:
    with zstandard.ZstdDecompressor().stream_reader(content, read_across_frames=True) as reader:
        return reader.read()


_READERS: dict[Encoding, Callable[[bytes], bytes]] = {
    "": lambda content: content,
    "gz": gzip.decompress,
    "xz": _unxz,
    "zst": _unzstd,
}


def _joined(encoding: Encoding, texts: list[bytes]) -> bytes:
    pieces = [compress(encoding, text) for text in texts]
    return join(encoding, [piece.body for piece in pieces], [piece.cut for piece in pieces])


@pytest.mark.parametrize("encoding", _READERS)
@given(texts=st.lists(st.binary(max_size=2000), max_size=6))
def test_a_joined_file_holds_all_pieces(encoding: Encoding, texts: list[bytes]) -> None:
    content = _joined(encoding, texts)
    assert _READERS[encoding](content) == b"".join(texts)


def test_xz_itself_finds_nothing_wrong() -> None:
    texts = [bytes([number]) * (number * 1000) for number in range(200)]
    content = _joined("xz", texts)
    result = subprocess.run(
        ["xz", "--decompress", "--stdout"], input=content, capture_output=True, check=True
    )
    assert result.stdout == b"".join(texts)


@pytest.mark.parametrize("encoding", _READERS)
def test_a_piece_is_the_same_each_time(encoding: Encoding) -> None:
    assert compress(encoding, b"text" * 999) == compress(encoding, b"text" * 999)
