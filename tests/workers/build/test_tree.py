"""Trees with archives in place of sources, links and special files are refused with reasons."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from workers.build.tree import allowed_archives, read_text, refuse_archives, tree_id
from workers.outcome import BadRequest, ChangeFault

if TYPE_CHECKING:
    from pathlib import Path


def _put(tree: Path, name: str) -> None:
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


@pytest.mark.parametrize(
    "name",
    [
        "greet_1.0.orig.tar.gz",
        "upstream/greet_1.0.orig.tar.xz",
        "deep/er/greet_1.0.orig-docs.tar.bz2",
        "greet-1.0.tar.gz",
        "greet-1.0.TGZ",
        "source.zip",
        "debian/greet.tar",
        "debian/upstream/greet-1.0.tar.zst",
        "vendor/foo-1.0.tar.gz",
    ],
)
def test_source_archives_are_refused_with_advice(tmp_path: Path, name: str) -> None:
    _put(tmp_path, name)
    with pytest.raises(ChangeFault) as caught:
        refuse_archives(tmp_path, ("tests/*", "greet_1.0.orig*", "*.orig*"), "the/list")
    assert name in caught.value.reason
    assert "commit the source unpacked instead" in caught.value.reason
    assert "Remove the archive from the commit" in caught.value.detail


@pytest.mark.parametrize("name", ["src/tar.c", "doc/zip", "debian/rules", "target", "a.tar.d/b"])
def test_ordinary_files_are_no_archives(tmp_path: Path, name: str) -> None:
    _put(tmp_path, name)
    refuse_archives(tmp_path, (), "the/list")


def test_archives_that_the_package_lists_are_data(tmp_path: Path) -> None:
    for name in ("tests/data/sample.tar.gz", "tests/one.zip"):
        _put(tmp_path, name)
    assert allowed_archives(tmp_path, "the/list") == ()
    _put(tmp_path, "the/list")
    (tmp_path / "the/list").write_text("# read by the tests\ntests/data/*\n\n")
    allowed = allowed_archives(tmp_path, "the/list")
    with pytest.raises(ChangeFault, match=r"archive: 'tests/one\.zip'; commit") as caught:
        refuse_archives(tmp_path, allowed, "the/list")
    assert "has to be named in the/list" in caught.value.detail
    refuse_archives(tmp_path, (*allowed, "tests/one.zip"), "the/list")


def test_a_long_list_is_shortened(tmp_path: Path) -> None:
    for number in range(9):
        _put(tmp_path, f"{number}.zip")
    with pytest.raises(ChangeFault, match="and 4 more"):
        refuse_archives(tmp_path, (), "the/list")


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    _put(tmp_path, "elsewhere/control")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").symlink_to("/etc/passwd")
    (tree / "debian").symlink_to(tmp_path / "elsewhere")
    for name in ("file", "debian/control"):
        with pytest.raises(ChangeFault, match=f"{name} must be a plain file in plain folders"):
            read_text(tree, name)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * (9 << 20))
    for name, reason in {
        "fifo": "no plain file",
        "binary": "not written in UTF-8",
        "large": "longer than",
        "missing": "is missing",
    }.items():
        with pytest.raises(ChangeFault, match=reason):
            read_text(tmp_path, name)


def test_a_missing_tree_is_a_bad_request(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="there is no tree"):
        read_text(tmp_path / "nowhere", "x")


def test_a_trees_id_is_gits(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for name in ("a", "a.c", "b/c/d", "b.c", "b-", "debian/rules", "z"):
        _put(tree, name)
        (tree / name).write_text(name)
    (tree / "a").unlink()
    _put(tree, "a/inner")
    (tree / "debian/rules").chmod(0o755)
    (tree / "link").symlink_to("b/../nowhere")
    git = ("git", "-C", str(tree))
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "--all"], check=True)
    told = subprocess.run([*git, "write-tree"], check=True, capture_output=True, text=True)
    assert tree_id(tree) == told.stdout.strip()
