"""Index files in parts, so that changing one package costs the same in a large repository.

A *table* is what the index files of a repository say, in rows: one for each package, sorted by its
name. Each *column* is one file (``Packages``, ``primary``), stored under each of its encodings by
the SHA-256 of its content. Neighbouring rows make a *part*, which is a piece of its own in every
file (:mod:`workers.repository.joined`); a change of a row touches its part alone, and all others
are copied as they are. What a part says uncompressed, its *texts*, is kept apart from the files:
nobody but the next edition reads it. A table never changes: an edit
(:mod:`workers.repository.edition`) makes another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from workers.repository.joined import Cut, Encoding  # noqa: TC001 - read when restored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.repository.package import Published

PLAIN: Encoding = ""


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

    @property
    def tells_plain(self) -> bool:
        """Whether clients are told the digest of what a file unpacks to.

        To find it, all that the repository says is read again for each change.
        """
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
    unpacked: int = 0
    """Bytes before compression."""


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
    """The plain ones are known by hash and size if at all, and not stored."""

    @property
    def rows(self) -> int:
        """How many packages it lists."""
        return sum(part.rows for part in self.parts)

    @property
    def texts(self) -> set[str]:
        """SHA-256 of the texts of all parts."""
        return {part.sha256 for part in self.parts}

    def is_encoded_for(self, layout: Layout) -> bool:
        """Whether its files are those that a layout has."""
        stored = {column: set(of_column) for column, of_column in self.files.items()}
        plain = {PLAIN} if layout.tells_plain else set()
        return stored == {c: plain | {*encodings} for c, encodings in layout.columns.items()}


class Shelf(Protocol):
    """Where contents are found."""

    def file(self, column: str, encoding: Encoding, sha256: str) -> bytes:
        """A stored file."""
        ...

    def texts(self, part: Part) -> bytes:
        """The texts of a part."""
        ...


def texts_of(part: Part, shelf: Shelf) -> dict[str, memoryview]:
    """What each column says in a part."""
    content, found, at = memoryview(shelf.texts(part)), {}, 0
    for column, size in part.sizes.items():
        found[column] = content[at : at + size]
        at += size
    return found
