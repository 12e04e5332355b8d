"""Reading a table, and editing it into another."""

from __future__ import annotations

import bisect
from itertools import groupby
from typing import TYPE_CHECKING

from workers.repository.assembly import assembled
from workers.repository.table import texts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workers.repository.package import Published
    from workers.repository.table import Layout, Row, Shelf, Table

# A change costs the compression of a part, and a little for each of the others: parts have so many
# rows at least, and grow with the table before there are many more than so many of them.
_ROWS = 48
_PARTS = 160


class Edition:
    """A table being read, and edited into another."""

    def __init__(
        self, table: Table, layout: Layout, shelf: Shelf, parsed: dict[str, list[Row]]
    ) -> None:
        """``parsed`` holds rows of parts by the SHA-256 of their texts, and gets more of them."""
        self._table = table
        self._layout = layout
        self._shelf = shelf
        self._firsts = [part.first for part in table.parts]
        self._changed: dict[int, list[Row]] = {}
        self._parsed = parsed

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
        if not self._table.is_encoded_for(self._layout):
            for place in range(len(self._table.parts)):
                self._changed.setdefault(place, self._rows(place))
        elif not self._changed:
            return self._table, {}
        runs: list[range | list[Row]] = []
        places = range(max(len(self._table.parts), 1))
        kept = (part for place, part in enumerate(self._table.parts) if place not in self._changed)
        total = sum(part.rows for part in kept) + sum(map(len, self._changed.values()))
        size = max(_ROWS, total // _PARTS)
        for is_changed, group in groupby(places, lambda place: place in self._changed):
            of_group = list(group)
            if is_changed:
                runs += (
                    rows for place in of_group for rows in _divided(self._changed[place], size)
                )
            elif self._table.parts:
                runs.append(range(of_group[0], of_group[-1] + 1))
        table, contents = assembled(self._table, self._layout, self._shelf, runs)
        made = (part for part in table.parts if part.sha256 in contents)
        for part, rows in zip(made, (run for run in runs if isinstance(run, list)), strict=True):
            self._parsed[part.sha256] = rows
        return table, contents

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
        part = self._table.parts[place]
        if part.sha256 not in self._parsed:
            texts = texts_of(part, self._shelf)
            words = {column: str(text, "utf-8") for column, text in texts.items()}
            self._parsed[part.sha256] = self._layout.rows(words)
        return self._parsed[part.sha256]


def _divided(rows: list[Row], size: int) -> Iterator[list[Row]]:
    """Rows in parts of about a size, if they are twice as many; those of one name stay together."""
    if len(rows) <= 2 * size:
        if rows:
            yield rows
        return
    part: list[Row] = []
    for row in rows:
        if len(part) >= size and row.package.name != part[-1].package.name:
            yield part
            part = []
        part.append(row)
    yield part
