"""Trees written for a build, hostile ones among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from workers.outcome import ChangeFault
from workers.source import export
from workers.source.export import check_entries
from workers.source.tree import Blob

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.workers.source.upstream import Entries, Upstream

BLOB = "1" * 40


@pytest.fixture
def exported(
    upstream: Upstream, state: Callable[..., dict[str, Any]], tmp_path: Path
) -> Callable[[Entries], Path]:
    """Return a function that exports a tree and returns the folder."""

    def make(entries: Entries) -> Path:
        upstream.branch(upstream.commit(entries))
        folder = tmp_path / "build" / "source"
        state(export={"group/tool": str(folder)})
        return folder

    return make


def test_files_links_and_executable_bits(
    exported: Callable[[Entries], Path], tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    folder = exported(
        {
            "deep/er/file": ("100644", b"content\r\n"),
            "run": ("100755", b"#!/bin/sh\n"),
            "dangling": ("120000", b"../../nowhere"),
            "outside": ("120000", str(outside).encode()),
            ".gitattributes": ("100644", b"* text eol=lf filter=evil ident export-ignore\n"),
            "id": ("100644", b"$Id$\n"),
        }
    )
    found = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    assert found == {
        *("deep", "deep/er", "deep/er/file", "run", "dangling", "outside", ".gitattributes", "id"),
    }
    assert (folder / "deep/er/file").read_bytes() == b"content\r\n"
    assert (folder / "id").read_bytes() == b"$Id$\n"
    assert (folder / "deep/er/file").stat().st_mode & 0o777 == 0o644
    assert (folder / "run").stat().st_mode & 0o777 == 0o755
    assert str((folder / "dangling").readlink()) == "../../nowhere"
    assert outside.read_text() == "mine"


def test_what_was_there_is_replaced(exported: Callable[[Entries], Path], tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    folder = exported({"old": ("100644", b"")})
    (folder / "link").symlink_to(kept)
    assert [path.name for path in exported({"new": ("100644", b"")}).iterdir()] == ["new"]
    assert (kept / "file").exists()


def test_submodule_is_refused_and_leaves_nothing(
    exported: Callable[[Entries], Path], tmp_path: Path
) -> None:
    with pytest.raises(ChangeFault, match="lib is a submodule, which is not supported"):
        exported({"file": ("100644", b""), "lib": ("160000", b"2" * 40)})
    assert not (tmp_path / "build" / "source").exists()


def test_names_no_honest_tree_holds(exported: Callable[[Entries], Path]) -> None:
    folder = exported({"new\nline \x1b[31m": ("100644", b"")})
    assert [path.name for path in folder.iterdir()] == ["new\nline \x1b[31m"]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"a/../b": Blob("100644", BLOB)}, r"a/\.\./b is not allowed"),
        ({"/etc/passwd": Blob("100644", BLOB)}, "is not allowed"),
        ({"a/.GIT/config": Blob("100644", BLOB)}, "is not allowed"),
        ({"a": Blob("120000", BLOB), "a/b": Blob("100644", BLOB)}, "a/b lies below a file or link"),
        ({"a": Blob("100664", BLOB)}, "a has mode 100664"),
        ({"x/" * 2000 + "y": Blob("100644", BLOB)}, "too long"),
    ],
)
def test_trees_made_by_hand(entries: dict[str, Blob], message: str) -> None:
    with pytest.raises(ChangeFault, match=message):
        check_entries(entries)


def test_tree_that_multiplies_itself_is_refused(
    upstream: Upstream, state: Callable[..., dict[str, Any]]
) -> None:
    base = upstream.branch(upstream.commit({"a": "a\n"}))
    tree = upstream.tree({str(name): ("100644", b"") for name in range(100)})
    for _ in range(4):
        lines = "".join(f"40000 tree {tree}\t{name}\0" for name in range(100))
        tree = upstream.git("mktree", "-z", stdin=lines.encode())
    bomb = upstream.propose(7, upstream.git("commit-tree", tree, "-m", "bomb", "-p", base))
    with pytest.raises(ChangeFault, match="more than 500000 files"):
        state(bomb)


def test_tree_that_fills_the_disk_is_refused(
    exported: Callable[[Entries], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(export, "MOST_BYTES", 1000)
    with pytest.raises(ChangeFault, match="has more than"):
        exported({"a": ("100644", b"x" * 600), "b": ("100644", b"y" * 600)})
    assert not (tmp_path / "build" / "source").exists()
