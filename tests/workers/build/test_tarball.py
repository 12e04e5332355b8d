"""Archives depend on the tree and the time alone."""

from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from workers.build.tarball import COMPRESSIONS, write_compressed, write_tree
from workers.outcome import ChangeFault

if TYPE_CHECKING:
    from pathlib import Path

_TIME = 1704067200


def _tree(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text of {name}\n")
    (folder / names[0]).chmod(0o755)
    (folder / "link").symlink_to("../anywhere")
    return folder


def _archive(tree: Path) -> bytes:
    file = io.BytesIO()
    write_tree(tree, file, top="top", mtime=_TIME)
    return file.getvalue()


def test_order_of_making_times_and_umask_do_not_matter(tmp_path: Path) -> None:
    one = _tree(tmp_path / "one", ["b", "a/x", "a.c", "ä"])
    umask = os.umask(0o077)
    try:
        other = _tree(tmp_path / "other", ["b", "ä", "a.c", "a/x"])
    finally:
        os.umask(umask)
    os.utime(other / "b", (1, 1))
    assert _archive(one) == _archive(other)


def test_members_have_gits_modes_one_time_and_no_owner(tmp_path: Path) -> None:
    tree = _tree(tmp_path / "tree", ["run", "a/file"])
    (tree / "a/file").chmod(0o640)
    with tarfile.open(fileobj=io.BytesIO(_archive(tree))) as archive:
        members = {member.name: member for member in archive.getmembers()}
    assert {name: oct(member.mode) for name, member in members.items()} == {
        "top": "0o755",
        "top/a": "0o755",
        "top/a/file": "0o644",
        "top/link": "0o755",
        "top/run": "0o755",
    }
    assert {(member.mtime, member.uid, member.uname) for member in members.values()} == {
        (_TIME, 0, "")
    }
    assert members["top/link"].linkname == "../anywhere"


def test_git_and_quilts_own_folders_are_left_out(tmp_path: Path) -> None:
    tree = _tree(tmp_path / "tree", ["file", ".git/config", ".pc/.version", "sub/.git/kept"])
    with tarfile.open(fileobj=io.BytesIO(_archive(tree))) as archive:
        names = set(archive.getnames())
    assert names == {"top", "top/file", "top/link", "top/sub", "top/sub/.git", "top/sub/.git/kept"}


def test_special_files_are_refused(tmp_path: Path) -> None:
    tree = _tree(tmp_path / "tree", ["file"])
    os.mkfifo(tree / "fifo")
    with pytest.raises(ChangeFault, match="'fifo' in the tree is no file"):
        _archive(tree)


@pytest.mark.parametrize("ending", COMPRESSIONS)
def test_compressed_as_the_name_says_and_the_same_twice(tmp_path: Path, ending: str) -> None:
    tree = _tree(tmp_path / "tree", ["file"])
    archives = []
    for number in range(2):
        path = tmp_path / f"{number}{ending}"
        with path.open("w+b") as file:
            write_compressed(tree, file, name=f"x-1{ending}", top="x-1", mtime=_TIME)
        archives.append(path.read_bytes())
        with tarfile.open(path) as archive:
            assert "x-1/file" in archive.getnames()
    assert archives[0] == archives[1]
