"""A table edited again and again says what one made at once says."""

from __future__ import annotations

import gzip
import hashlib
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from workers.repository.apt import AptFormat, BinaryLayout
from workers.repository.edition import Edition
from workers.repository.package import Published
from workers.repository.table import PLAIN, Row, Table

if TYPE_CHECKING:
    from workers.repository.joined import Encoding
    from workers.repository.table import Part

_LAYOUT = BinaryLayout()
_FORMAT = AptFormat("trixie", "tests")


def _row(name: str, version: int) -> Row:
    file, digest = f"pool/{name}_{version}.deb", f"{version:064x}"
    text = (
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nFilename: {file}\n"
        f"SHA256: {digest}\nDescription: of {name}\n .\n more\n\n"
    )
    contents = f"usr/share/{name} with spaces/{version}   misc/{name}\n"
    package = Published(name, str(version), "all", file, digest)
    return Row(package, (file,), {"Packages": text, "Contents": contents})


class _Kept:
    """A table and its files, edited by one package at a time."""

    def __init__(self) -> None:
        self.table = Table()
        self.files: dict[str, bytes] = {}

    def edition(self) -> Edition:
        return Edition(self.table, _LAYOUT, self, {})

    def put(self, rows: dict[str, list[Row]]) -> None:
        edition = self.edition()
        for name, of_name in rows.items():
            edition.put(name, of_name)
        self.table, made = edition.finish()
        self.files |= made

    def text(self, column: str) -> bytes:
        return gzip.decompress(self.files[self.table.files[column]["gz"].sha256])

    def file(self, _column: str, _encoding: Encoding, sha256: str) -> bytes:
        return self.files[sha256]

    def texts(self, part: Part) -> bytes:
        return self.files[part.sha256]


_NAMES = st.integers(0, 400).map(lambda number: f"p{number:03}")
_EDITS = st.lists(
    st.dictionaries(_NAMES, st.lists(st.integers(1, 9), max_size=2, unique=True), max_size=250),
    max_size=4,
)


@given(edits=_EDITS)
@settings(max_examples=40, deadline=None)
def test_many_edits_are_one(edits: list[dict[str, list[int]]]) -> None:
    kept, wanted = _Kept(), dict[str, list[Row]]()
    for edit in edits:
        rows = {name: [_row(name, v) for v in versions] for name, versions in edit.items()}
        # As publishing does: contents are told of the first version only.
        rows = {name: _FORMAT.merge(of_name) if of_name else [] for name, of_name in rows.items()}
        kept.put(rows)
        wanted |= rows
    if not edits:
        return
    listed = [row for name in sorted(wanted) for row in wanted[name]]
    for column in _LAYOUT.columns:
        text = "".join(row.texts[column] for row in listed).encode()
        assert kept.text(column) == text
        plain = kept.table.files[column][PLAIN]
        assert (plain.sha256, plain.size) == (hashlib.sha256(text).hexdigest(), len(text))
    assert list(kept.edition().all_rows()) == listed
    assert all(kept.edition().rows_of(name) == rows for name, rows in wanted.items())


def test_what_is_not_edited_is_not_compressed_again() -> None:
    kept = _Kept()
    kept.put({f"p{number:03}": [_row(f"p{number:03}", 1)] for number in range(400)})
    before = kept.table.parts
    assert len(before) > 3
    kept.put({"p200": [_row("p200", 2)]})
    after = kept.table.parts
    assert sum(part not in before for part in after) == 1


def test_the_difference_is_what_was_edited() -> None:
    kept = _Kept()
    kept.put({f"p{number:03}": [_row(f"p{number:03}", 1)] for number in range(300)})
    before = kept.edition()
    kept.put({"p005": [_row("p005", 2)], "p250": [], "q": [_row("q", 1)]})
    came, went = before.difference(kept.edition())
    assert [row.package.file for row in came] == ["pool/p005_2.deb", "pool/q_1.deb"]
    assert [row.package.file for row in went] == ["pool/p005_1.deb", "pool/p250_1.deb"]
