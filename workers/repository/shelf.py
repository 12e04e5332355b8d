"""Where the index files and texts of a repository's tables are found."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workers import files
from workers.outcome import InfrastructureFault
from workers.repository.formats import TEXTS

if TYPE_CHECKING:
    from pathlib import Path

    from workers.repository.formats import RepositoryFormat
    from workers.repository.joined import Encoding
    from workers.repository.table import Part, Row


@dataclass(frozen=True)
class Known:
    """What was read of a repository, or made, and need not be read again while it is locked."""

    contents: dict[str, bytes] = field(default_factory=dict)
    """Index files and texts by their SHA-256."""
    rows: dict[str, list[Row]] = field(default_factory=dict)
    """Of parts, by the SHA-256 of their texts."""


@dataclass(frozen=True)
class Shelf:
    """What lies below a repository's root, and what was made and is not there yet.

    Its methods raise :class:`InfrastructureFault` for what is missing or damaged.
    """

    root: Path
    format: RepositoryFormat
    table: str
    known: dict[str, bytes]
    """Contents in memory, by SHA-256; what is read is added."""

    def file(self, column: str, encoding: Encoding, sha256: str) -> bytes:
        """An index file."""
        if sha256 not in self.known:
            path = self.root / self.format.index_path(self.table, column, encoding, sha256)
            content = _read(str(path))
            if files.sha256_of(content) != sha256:
                raise _damaged(str(path))
            self.known[sha256] = content
        return self.known[sha256]

    def texts(self, part: Part) -> bytes:
        """What all columns say in a part, one after the other."""
        if part.sha256 not in self.known:
            # Hundreds of them are read each time.
            path = f"{self.root}/{TEXTS}/{part.sha256}"
            content = _read(path)
            if zlib.crc32(content) != part.crc32:
                raise _damaged(path)
            self.known[part.sha256] = content
        return self.known[part.sha256]


def _read(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a Path costs more than the read
            return file.read()
    except OSError as error:
        raise InfrastructureFault(f"{path} is missing: restore the repository") from error


def _damaged(path: str) -> InfrastructureFault:
    return InfrastructureFault(f"{path} is damaged: restore the repository")
