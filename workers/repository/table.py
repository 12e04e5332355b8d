"""Index files in parts, so that changing one package costs the same in a large repository.

A *table* is what the index files of a repository say, in rows: one for each package, sorted by its
name. Each *column* is one file (``Packages``, ``primary``), stored under each of its encodings by
the SHA-256 of its content. Neighbouring rows make a *part*, which is a piece of its own in every
file (:mod:`workers.repository.joined`); a change of a row touches its part alone, and all others
are copied as they are. What a part says uncompressed, its *texts*, is kept apart from the files:
nobody but the next edition reads it. A table never changes: an edit makes another.
"""

from __future__ import annotations

import bisect
import hashlib
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from workers.repository.joined import Encoding, Piece, compress, join, offset

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from workers.repository.package import Published

PLAIN: Encoding = ""
_ROWS = 64  # of a part when it is made; it is divided when it has grown to twice as many


@dataclass(frozen=True)
class Row:
    """One package in the indexes."""

    package: Published
    files: tuple[str, ...]
    """Paths from the repository's root of all files it needs."""
    texts: Mapping[str, str]
    """What each column says of it."""


class Layout(Protocol):
    """How a kind of table is written; see :class:`Row` for its words."""

    @property
    def columns(self) -> Mapping[str, tuple[Encoding, ...]]:
        """Each column's encodings besides the plain one."""
        ...

    def rows(self, texts: Mapping[str, str]) -> list[Row]:
        """Read a part back."""
        ...

    def head(self, column: str, rows: int) -> str:
        """What stands before the first row."""
        ...

    def tail(self, column: str) -> str:
        """What stands after the last row."""
        ...


@dataclass(frozen=True)
class Stored:
    """One index file."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Cut:
    """Where a piece lies: its bytes in the file, bytes before compression, xz's unpadded size."""

    length: int
    size: int
    unpadded: int = 0


@dataclass(frozen=True)
class Part:
    """Neighbouring rows."""

    first: str
    """Name of the first package."""
    rows: int
    sha256: str
    """Of its texts: what each column says, one after the other."""
    crc32: int
    """Of the same: found in a third of the time, it tells whether they are damaged."""
    sizes: dict[str, int]
    """Bytes that each column says."""
    cuts: dict[str, dict[Encoding, Cut]]


@dataclass(frozen=True)
class Table:
    """An edition of a repository's indexes."""

    parts: list[Part] = field(default_factory=list)
    heads: dict[str, dict[Encoding, Cut]] = field(default_factory=dict)
    files: dict[str, dict[Encoding, Stored]] = field(default_factory=dict)
    """The plain ones are known by hash and size, and not stored."""

    @property
    def rows(self) -> int:
        """How many packages it lists."""
        return sum(part.rows for part in self.parts)

    @property
    def texts(self) -> set[str]:
        """SHA-256 of the texts of all parts."""
        return {part.sha256 for part in self.parts}


class Shelf(Protocol):
    """Where contents are found."""

    def file(self, column: str, encoding: Encoding, sha256: str) -> bytes:
        """A stored file."""
        ...

    def texts(self, part: Part) -> bytes:
        """The texts of a part."""
        ...


class Edition:
    """A table being read, and edited into another."""

    def __init__(self, table: Table, layout: Layout, shelf: Shelf) -> None:
        self._table = table
        self._layout = layout
        self._shelf = shelf
        self._firsts = [part.first for part in table.parts]
        self._changed: dict[int, list[Row]] = {}
        self._parsed: dict[int, list[Row]] = {}
        self._read_pieces: dict[tuple[str, Encoding], list[Piece]] = {}

    @property
    def is_encoded(self) -> bool:
        """Whether the files of the table are those that the layout has."""
        stored = {column: set(of_column) for column, of_column in self._table.files.items()}
        return stored == {c: {PLAIN, *encodings} for c, encodings in self._layout.columns.items()}

    def rows_of(self, name: str) -> list[Row]:
        """The rows of a package, all versions and architectures."""
        return [row for row in self._rows(self._place(name)) if row.package.name == name]

    def put(self, name: str, rows: Sequence[Row]) -> None:
        """Have these rows of a package and no others."""
        place = self._place(name)
        others = [row for row in self._rows(place) if row.package.name != name]
        # Stable: the versions of one package stay in the order given.
        self._changed[place] = sorted([*others, *rows], key=lambda row: row.package.name)

    def all_rows(self) -> Iterator[Row]:
        """Every row, in order."""
        for place in range(max(len(self._table.parts), 1)):
            yield from self._rows(place)

    def difference(self, other: Edition) -> tuple[list[Row], list[Row]]:
        """Rows that the other edition has and this one has not, and the reverse."""
        mine = dict(self._by_package(other._table.texts))
        others = dict(other._by_package(self._table.texts))
        return (
            [row for package, row in others.items() if package not in mine],
            [row for package, row in mine.items() if package not in others],
        )

    def finish(self) -> tuple[Table, dict[str, bytes]]:
        """The new table, and by SHA-256 the contents of its files and of its new texts."""
        if not self.is_encoded:
            for place in range(len(self._table.parts)):
                self._changed.setdefault(place, self._rows(place))
        parts: list[Part] = []
        texts: dict[str, bytes] = {}
        pieces: dict[str, dict[Encoding, list[Piece]]] = {
            column: {encoding: [] for encoding in encodings}
            for column, encodings in self._layout.columns.items()
        }
        for place in range(max(len(self._table.parts), 1)):
            if place not in self._changed:
                if place < len(self._table.parts):
                    parts.append(self._table.parts[place])
                    for column, of_column in pieces.items():
                        for encoding, of_encoding in of_column.items():
                            of_encoding.append(self._pieces(column, encoding)[place])
                continue
            for rows in _divided(self._changed[place]):
                part, made = self._make(rows, texts)
                parts.append(part)
                for column, of_column in pieces.items():
                    for encoding, of_encoding in of_column.items():
                        of_encoding.append(made[column][encoding])
        return self._join(parts, pieces, texts)

    def _by_package(self, besides: set[str]) -> Iterator[tuple[Published, Row]]:
        for place, part in enumerate(self._table.parts):
            if part.sha256 not in besides:
                for row in self._rows(place):
                    yield row.package, row

    def _place(self, name: str) -> int:
        return max(bisect.bisect_right(self._firsts, name) - 1, 0)

    def _rows(self, place: int) -> list[Row]:
        if place in self._changed:
            return self._changed[place]
        if place >= len(self._table.parts):
            return []
        if place not in self._parsed:
            texts = self._texts(self._table.parts[place], {})
            words = {column: str(text, "utf-8") for column, text in texts.items()}
            self._parsed[place] = self._layout.rows(words)
        return self._parsed[place]

    def _pieces(self, column: str, encoding: Encoding) -> list[Piece]:
        """The pieces of a file, read when first needed."""
        if (column, encoding) not in self._read_pieces:
            stored = self._table.files[column][encoding]
            content = self._shelf.file(column, encoding, stored.sha256)
            at = offset(encoding) + self._table.heads[column][encoding].length
            found = []
            for part in self._table.parts:
                cut = part.cuts[column][encoding]
                found.append(Piece(content[at : at + cut.length], cut.size, cut.unpadded))
                at += cut.length
            self._read_pieces[column, encoding] = found
        return self._read_pieces[column, encoding]

    def _make(
        self, rows: Sequence[Row], texts: dict[str, bytes]
    ) -> tuple[Part, dict[str, dict[Encoding, Piece]]]:
        own = {
            column: "".join(row.texts[column] for row in rows).encode()
            for column in self._layout.columns
        }
        made: dict[str, dict[Encoding, Piece]] = {
            column: {encoding: compress(encoding, own[column]) for encoding in encodings}
            for column, encodings in self._layout.columns.items()
        }
        all_of_it = b"".join(own.values())
        sha256 = hashlib.sha256(all_of_it).hexdigest()
        texts[sha256] = all_of_it
        cuts = {
            column: {encoding: _cut(piece) for encoding, piece in of_column.items()}
            for column, of_column in made.items()
        }
        sizes = {column: len(text) for column, text in own.items()}
        crc32 = zlib.crc32(all_of_it)
        return Part(rows[0].package.name, len(rows), sha256, crc32, sizes, cuts), made

    def _join(
        self,
        parts: list[Part],
        pieces: dict[str, dict[Encoding, list[Piece]]],
        texts: dict[str, bytes],
    ) -> tuple[Table, dict[str, bytes]]:
        table = Table(parts, {}, {})
        contents = dict(texts)
        read = [self._texts(part, texts) for part in parts]

        def plain(column: str) -> Stored:
            head = self._layout.head(column, table.rows).encode()
            tail = self._layout.tail(column).encode()
            return _stored([head, *(part[column] for part in read), tail])

        # Of large repositories this is the only part that costs much: use all cores.
        with ThreadPoolExecutor() as threads:
            plain_files = dict(zip(pieces, threads.map(plain, pieces), strict=True))
        for column, of_column in pieces.items():
            head = self._layout.head(column, table.rows).encode()
            tail = self._layout.tail(column).encode()
            table.heads[column] = {}
            table.files[column] = {PLAIN: plain_files[column]}
            for encoding, of_encoding in of_column.items():
                before = [compress(encoding, head)] if head else []
                after = [compress(encoding, tail)] if tail else []
                content = join(encoding, [*before, *of_encoding, *after])
                stored = _stored([content])
                table.heads[column][encoding] = _cut(before[0]) if before else Cut(0, 0)
                table.files[column][encoding] = stored
                contents[stored.sha256] = content
        return table, contents

    def _texts(self, part: Part, made: Mapping[str, bytes]) -> dict[str, memoryview]:
        """What each column says in a part."""
        content = memoryview(made.get(part.sha256) or self._shelf.texts(part))
        found, at = {}, 0
        for column, size in part.sizes.items():
            found[column] = content[at : at + size]
            at += size
        return found


def _stored(content: Iterable[bytes | memoryview]) -> Stored:
    digest, size = hashlib.sha256(), 0
    for piece in content:
        digest.update(piece)
        size += len(piece)
    return Stored(digest.hexdigest(), size)


def _cut(piece: Piece) -> Cut:
    return Cut(len(piece.body), piece.size, piece.unpadded)


def _divided(rows: list[Row]) -> Iterator[list[Row]]:
    """Rows in parts of a middle size; those of one name stay together."""
    if len(rows) <= 2 * _ROWS:
        if rows:
            yield rows
        return
    part: list[Row] = []
    for row in rows:
        if len(part) >= _ROWS and row.package.name != part[-1].package.name:
            yield part
            part = []
        part.append(row)
    yield part
