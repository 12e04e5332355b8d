"""The files of a table, joined of the parts that stay and of those that changed."""

from __future__ import annotations

import hashlib
import os
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from workers.repository.joined import Cut, Encoding, Piece, compress, join, offset
from workers.repository.table import PLAIN, Part, Stored, Table, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from workers.repository.table import Layout, Row, Shelf

_File = tuple[str, Encoding]


def assembled(
    table: Table, layout: Layout, shelf: Shelf, runs: Sequence[range | list[Row]]
) -> tuple[Table, dict[str, bytes]]:
    """A table that consists of places in another and of rows, each list of which makes a part.

    With it come by SHA-256 the contents of its files and of its new texts.
    """
    # Compression takes the most time in small repositories, digests of all they say in large ones:
    # both are done on other cores, while files are joined here.
    threads = _threads(os.getpid())
    stretches = [
        _Kept(table, shelf, run) if isinstance(run, range) else _Draft.of(run, layout, threads)
        for run in runs
    ]
    rows = sum(stretch.rows for stretch in stretches)
    around = {
        column: (layout.head(column, rows).encode(), layout.tail(column).encode())
        for column in layout.columns
    }
    plain = _plain(stretches, around, threads) if layout.tells_plain else {}
    parts = [part for stretch in stretches for part in stretch.parts]
    made = Table(parts, {}, {})
    contents = {part.sha256: text for each in stretches for part, text in each.new_texts()}
    for column, encodings in layout.columns.items():
        made.heads[column], made.files[column] = {}, {}
        for encoding in encodings:
            head, tail = (compress(encoding, text) for text in around[column])
            cuts = [head.cut, *(part.cuts[column][encoding] for part in parts), tail.cut]
            bodies = [body for each in stretches for body in each.bodies((column, encoding))]
            content = join(encoding, [head.body, *bodies, tail.body], cuts)
            stored = _stored([content], sum(cut.size for cut in cuts))
            made.heads[column][encoding] = head.cut
            made.files[column][encoding] = stored
            contents[stored.sha256] = content
    for column, digest in plain.items():
        made.files[column][PLAIN] = digest.result()
    return made, contents


@cache
def _threads(process: int) -> ThreadPoolExecutor:
    """Threads of a process, which stay: to start one takes about as long as a part to compress."""
    del process  # they do not survive a fork
    return ThreadPoolExecutor(thread_name_prefix="index")


@dataclass(frozen=True)
class _Kept:
    """Neighbouring parts of a table that stay as they are."""

    table: Table
    shelf: Shelf
    places: range

    @property
    def parts(self) -> list[Part]:
        return self.table.parts[self.places.start : self.places.stop]

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    def texts(self) -> list[Mapping[str, bytes | memoryview]]:
        return [texts_of(part, self.shelf) for part in self.parts]

    def new_texts(self) -> list[tuple[Part, bytes]]:
        return []

    def bodies(self, file: _File) -> list[bytes | memoryview]:
        column, encoding = file
        content = self.shelf.file(column, encoding, self.table.files[column][encoding].sha256)
        parts = self.table.parts[: self.places.stop]
        lengths = [part.cuts[column][encoding].length for part in parts]
        at = offset(encoding) + self.table.heads[column][encoding].length
        begin, end = at + sum(lengths[: self.places.start]), at + sum(lengths)
        return [memoryview(content)[begin:end]]


@dataclass(frozen=True)
class _Draft:
    """A part that is being compressed."""

    first: str
    rows: int
    by_column: Mapping[str, bytes]
    pieces: Mapping[_File, Future[Piece]]

    @classmethod
    def of(cls, rows: Sequence[Row], layout: Layout, threads: ThreadPoolExecutor) -> _Draft:
        texts = {
            column: "".join(row.texts[column] for row in rows).encode() for column in layout.columns
        }
        pieces = {
            (column, encoding): threads.submit(compress, encoding, texts[column])
            for column, encodings in layout.columns.items()
            for encoding in sorted(encodings, reverse=True)  # xz takes the longest
        }
        return cls(rows[0].package.name, len(rows), texts, pieces)

    @cached_property
    def parts(self) -> list[Part]:
        text = self._text
        sizes = {column: len(of_column) for column, of_column in self.by_column.items()}
        cuts: dict[str, dict[Encoding, Cut]] = {column: {} for column in sizes}
        for (column, encoding), piece in self.pieces.items():
            cuts[column][encoding] = piece.result().cut
        digest = hashlib.sha256(text).hexdigest()
        return [Part(self.first, self.rows, digest, zlib.crc32(text), sizes, cuts)]

    def texts(self) -> list[Mapping[str, bytes | memoryview]]:
        return [self.by_column]

    def new_texts(self) -> list[tuple[Part, bytes]]:
        return [(part, self._text) for part in self.parts]

    def bodies(self, file: _File) -> list[bytes | memoryview]:
        return [self.pieces[file].result().body]

    @cached_property
    def _text(self) -> bytes:
        return b"".join(self.by_column.values())


def _plain(
    stretches: Iterable[_Kept | _Draft],
    around: Mapping[str, tuple[bytes, bytes]],
    threads: ThreadPoolExecutor,
) -> dict[str, Future[Stored]]:
    """What each column says in all."""
    texts = [text for stretch in stretches for text in stretch.texts()]
    return {
        column: threads.submit(_stored, [head, *(text[column] for text in texts), tail])
        for column, (head, tail) in around.items()
    }


def _stored(content: Iterable[bytes | memoryview], unpacked: int | None = None) -> Stored:
    digest, size = hashlib.sha256(), 0
    for piece in content:
        digest.update(piece)
        size += len(piece)
    return Stored(digest.hexdigest(), size, size if unpacked is None else unpacked)
