"""Index files in parts, so that changing one package costs the same in a large repository.

A *table* is what the index files of a repository say, in rows: one for each package, sorted by its
name. Each *column* is one file (``Packages``, ``primary``), stored under each of its encodings by
the SHA-256 of its content. Neighbouring rows make a *part*, which is a piece of its own in every
file (:mod:`workers.repository.joined`); a change of a row touches its part alone, and all others
are copied as they are. A table never changes: an edit makes another.
"""

from __future__ import annotations

import bisect
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from workers.repository.joined import Encoding, Piece, compress, join, offset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

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
    digest: str
    """SHA-256 over its texts."""
    cuts: dict[str, dict[Encoding, Cut]]


@dataclass(frozen=True)
class Table:
    """An edition of a repository's indexes."""

    parts: list[Part] = field(default_factory=list)
    heads: dict[str, dict[Encoding, Cut]] = field(default_factory=dict)
    files: dict[str, dict[Encoding, Stored]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many packages it lists."""
        return sum(part.rows for part in self.parts)


class Edition:
    """A table being read, and edited into another.

    ``read`` answers the content of a stored file by its SHA-256 and encoding.
    """

    def __init__(
        self, table: Table, layout: Layout, read: Callable[[str, Encoding], bytes]
    ) -> None:
        self._table = table
        self._layout = layout
        self._read = read
        self._firsts = [part.first for part in table.parts]
        self._changed: dict[int, list[Row]] = {}
        self._read_pieces: dict[tuple[str, Encoding], list[Piece]] = {}

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
        own = {part.digest for part in self._table.parts}
        its = {part.digest for part in other._table.parts}
        mine = dict(self._by_package(its))
        others = dict(other._by_package(own))
        return (
            [row for package, row in others.items() if package not in mine],
            [row for package, row in mine.items() if package not in others],
        )

    def finish(self) -> tuple[Table, dict[str, bytes]]:
        """The new table, and its files' contents by SHA-256."""
        parts: list[Part] = []
        pieces: dict[str, dict[Encoding, list[Piece]]] = {
            column: {encoding: [] for encoding in (PLAIN, *encodings)}
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
                part, made = self._make(rows)
                parts.append(part)
                for column, of_column in pieces.items():
                    for encoding, of_encoding in of_column.items():
                        of_encoding.append(made[column][encoding])
        return self._join(parts, pieces)

    def _by_package(self, besides: set[str]) -> Iterator[tuple[Published, Row]]:
        for place, part in enumerate(self._table.parts):
            if part.digest not in besides:
                for row in self._rows(place):
                    yield row.package, row

    def _place(self, name: str) -> int:
        return max(bisect.bisect_right(self._firsts, name) - 1, 0)

    def _rows(self, place: int) -> list[Row]:
        if place in self._changed:
            return self._changed[place]
        if place >= len(self._table.parts):
            return []
        return self._layout.rows(
            {
                column: self._pieces(column, PLAIN)[place].body.decode()
                for column in self._layout.columns
            }
        )

    def _pieces(self, column: str, encoding: Encoding) -> list[Piece]:
        """The pieces of a file, read when first needed."""
        if (column, encoding) not in self._read_pieces:
            content = self._read(self._table.files[column][encoding].sha256, encoding)
            at = offset(encoding) + self._table.heads[column][encoding].length
            found = []
            for part in self._table.parts:
                cut = part.cuts[column][encoding]
                found.append(Piece(content[at : at + cut.length], cut.size, cut.unpadded))
                at += cut.length
            self._read_pieces[column, encoding] = found
        return self._read_pieces[column, encoding]

    def _make(self, rows: Sequence[Row]) -> tuple[Part, dict[str, dict[Encoding, Piece]]]:
        made: dict[str, dict[Encoding, Piece]] = {}
        digest = hashlib.sha256()
        for column, encodings in self._layout.columns.items():
            text = "".join(row.texts[column] for row in rows).encode()
            digest.update(b"%d\n" % len(text))
            digest.update(text)
            made[column] = {encoding: compress(encoding, text) for encoding in (PLAIN, *encodings)}
        cuts = {
            column: {encoding: _cut(piece) for encoding, piece in of_column.items()}
            for column, of_column in made.items()
        }
        return Part(rows[0].package.name, len(rows), digest.hexdigest(), cuts), made

    def _join(
        self, parts: list[Part], pieces: dict[str, dict[Encoding, list[Piece]]]
    ) -> tuple[Table, dict[str, bytes]]:
        table = Table(parts, {}, {})
        contents: dict[str, bytes] = {}
        for column, of_column in pieces.items():
            table.heads[column], table.files[column] = {}, {}
            head = self._layout.head(column, table.rows).encode()
            tail = self._layout.tail(column).encode()
            for encoding, of_encoding in of_column.items():
                before = [compress(encoding, head)] if head else []
                after = [compress(encoding, tail)] if tail else []
                content = join(encoding, [*before, *of_encoding, *after])
                stored = Stored(hashlib.sha256(content).hexdigest(), len(content))
                table.heads[column][encoding] = _cut(before[0]) if before else Cut(0, 0)
                table.files[column][encoding] = stored
                contents[stored.sha256] = content
        return table, contents


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
