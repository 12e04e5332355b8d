"""What is sent and what is removed, told from two lists."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from workers.mirrors.kinds import is_fixed
from workers.mirrors.listing import Entry, list_changing, list_fixed, to_remove, to_send

if TYPE_CHECKING:
    from pathlib import Path


def _listing(**inodes: int) -> dict[str, Entry]:
    return {path: Entry(f"content of {inode}", inode) for path, inode in inodes.items()}


def test_what_is_there_is_not_sent() -> None:
    listing = _listing(old=1, new=2)
    assert to_send(listing, {"old": "content of 1"}) == ["new"]


def test_what_was_replaced_is_sent_again() -> None:
    assert to_send(_listing(index=2), {"index": "content of 1"}) == ["index"]


def test_other_names_of_a_file_come_along_so_that_they_can_be_linked() -> None:
    listing = _listing(by_hash=1, snapshot=1, other=2)
    there = {"by_hash": "content of 1", "other": "content of 2"}
    assert to_send(listing, there) == ["by_hash", "snapshot"]


def test_only_what_is_gone_is_removed() -> None:
    listing = {"pool/a/one": Entry("", 1)}
    assert to_remove(listing, ["pool/a/one", "pool/a/two"]) == ["pool/a/two"]


def test_the_topmost_folder_that_is_left_empty_goes_as_one() -> None:
    listing = {"pool/a/one": Entry("", 1)}
    gone = ["pool/b/c/two", "pool/b/c/three", "pool/b"]
    assert to_remove(listing, gone) == ["pool/b"]


@pytest.mark.parametrize(
    ("path", "fixed"),
    [
        ("dists/trixie/InRelease", False),
        ("dists/trixie/Release.gpg", False),
        ("dists/trixie/main/binary-amd64/Packages.gz", False),
        ("dists/trixie/main/binary-amd64/by-hash/SHA256/0123", True),
        ("dists/trixie/snapshots/20260102T030405.000000Z/InRelease", True),
        ("pool/main/h/hello/hello_1_amd64.deb", True),
        ("repodata/repomd.xml", False),
        ("repodata/repomd.xml.asc", False),
        ("repodata/primary.xml.gz", False),
        (f"repodata/{'0' * 64}-primary.xml.gz", True),
        ("Packages/h/hello-1-1.noarch.rpm", True),
        ("snapshots/20260102T030405.000000Z/Packages", True),
        ("provenance/pool/main/h/hello/hello_1_amd64.deb.json", True),
        ("generations/20260102T030405.000000Z.json", True),
        ("generations/index.json", False),
        ("key.asc", False),
        ("README", False),
    ],
)
def test_what_never_changes_can_be_brought_before_clients_ask_for_it(
    path: str, *, fixed: bool
) -> None:
    assert is_fixed(path) is fixed


def test_hidden_names_are_not_listed_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".stage").mkdir()
    (tmp_path / ".stage/file").touch()
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool/.partial").touch()
    (tmp_path / "pool/package").touch()
    (tmp_path / "link").symlink_to("pool")
    assert sorted(list_fixed(tmp_path)) == ["pool/package"]
    assert sorted(list_changing(tmp_path)) == ["link"]


def test_the_same_size_a_nanosecond_later_is_another_file(tmp_path: Path) -> None:
    path = tmp_path / "index"
    path.write_text("one")
    os.utime(path, ns=(1, 10**18))
    before = list_changing(tmp_path)["index"].identity
    path.write_text("two")
    os.utime(path, ns=(1, 10**18 + 1))
    assert list_changing(tmp_path)["index"].identity != before


def test_a_link_with_another_target_is_another_file(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("one")
    os.utime(link, ns=(1, 1), follow_symlinks=False)
    before = list_changing(tmp_path)["link"].identity
    link.unlink()
    link.symlink_to("two")
    os.utime(link, ns=(1, 1), follow_symlinks=False)
    assert list_changing(tmp_path)["link"].identity != before
