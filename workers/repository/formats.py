"""What the formats of repositories have in common, as publishing sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from workers.repository.joined import Encoding
    from workers.repository.table import Layout, Row, Table

Format = Literal["deb", "rpm"]

TEXTS = ".texts"
"""Folder of what indexes are made of, by SHA-256; never served."""


class RepositoryFormat(Protocol):
    """One kind of repository; all paths are from the repository's root."""

    @property
    def layouts(self) -> Mapping[str, Layout]:
        """Its tables."""
        ...

    @property
    def commit_point(self) -> str:
        """The file whose renaming publishes."""
        ...

    @property
    def text_name(self) -> str:
        """Name of the text that is signed: it or its signed form is the commit point."""
        ...

    @property
    def detached_signature(self) -> str:
        """Name of the text's signature, which lies beside the commit point."""
        ...

    def read(self, folder: Path, root: Path) -> dict[str, list[tuple[Row, dict[str, Path]]]]:
        """Rows for a folder's packages by table, each with where its files are now.

        A package that the repository at ``root`` has already, signed at another time, is read
        there. Raises BadRequest for what is no package of this format.
        """
        ...

    def compare(self, one: str, other: str) -> int:
        """Order of two versions."""
        ...

    def digests(self, paths: Sequence[Path]) -> dict[Path, dict[str, str]]:
        """What files are known by: their SHA-256, and the digests of what signing keeps."""
        ...

    def refuse_unsigned(
        self, packages: Sequence[Path], key: Path, keys: Collection[str], root: Path
    ) -> None:
        """Check the signatures that packages have of their own, if the format knows such.

        ``key`` is a file of public keys with these fingerprints, ``root`` the repository's. Raises
        BadRequest for a package that is not signed by one of them, and for another key.
        """
        ...

    def merge(self, kept: list[Row]) -> list[Row]:
        """All rows of one package, newest first, as the indexes shall have them."""
        ...

    def index_path(self, table: str, column: str, encoding: Encoding, sha256: str) -> str:
        """Where a stored index file lies."""
        ...

    def plain_names(self, tables: Mapping[str, Table]) -> dict[str, str | None]:
        """Other names that clients know index files by, each with the file's path.

        Those that there may have been, and are none, are None.
        """
        ...

    def commit_text(self, tables: Mapping[str, Table], stamp: str, now: datetime) -> bytes:
        """The text that leads to all index files, unlike that of any other generation."""
        ...

    def snapshot_folder(self, stamp: str) -> str:
        """The folder under whose name a generation can be read for as long as it is kept."""
        ...

    def snapshot(self, stamp: str, tables: Mapping[str, Table]) -> dict[str, str]:
        """All names in that folder, each with the file's path, but for the next one's."""
        ...

    def snapshot_point(self, stamp: str) -> str:
        """The commit point's name in that folder."""
        ...

    def snapshot_links(self, stamp: str) -> dict[str, str]:
        """Symbolic links such a generation needs, each with its target."""
        ...
