"""What was ever published: no version comes again with other content, however long it is gone.

``.ledger/NAME`` has a line for each version and architecture of the packages of that name: looking
one up costs the same in a large repository. What a generation brought is in its description until
it is in the ledger, so that nothing is entered that was never committed, and nothing is forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.names import package_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from workers.files import Together

_FOLDER = ".ledger"


@dataclass(frozen=True)
class Entry:
    """One package that was published."""

    name: str
    version: str
    architecture: str
    identity: str
    """See :func:`workers.repository.package.identity`."""


@dataclass(frozen=True)
class Ledger:
    """The ledger below a repository's root."""

    root: Path

    def of(self, name: str) -> list[Entry]:
        """All packages of a name, in the order in which they were entered."""
        try:
            lines = self._path(name).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        return [Entry(name, *line.split(" ", maxsplit=2)) for line in lines]

    def enter(self, entries: Iterable[Entry], made: Together) -> None:
        """Enter packages, those that are not there yet."""
        by_name: dict[str, list[Entry]] = {}
        for entry in entries:
            by_name.setdefault(entry.name, []).append(entry)
        for name, of_name in by_name.items():
            known = self.of(name)
            new = [entry for entry in of_name if entry not in known]
            if new:
                lines = (f"{x.version} {x.architecture} {x.identity}\n" for x in (*known, *new))
                made.write(self._path(name), "".join(lines).encode())

    def _path(self, name: str) -> Path:
        return self.root / _FOLDER / package_name(name)
