"""Whoever can write where a repository lies, and has no key, changes nothing unseen."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from tests.workers.repository.generations import commit_point
from workers.provenance.findings import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.workers.provenance.conftest import Audited
    from tests.workers.repository.web import Served


def test_another_key_for_clients_is_named(audited: Audited, foreign_key: Path) -> None:
    offered = audited.root / "key.asc"
    offered.write_bytes(offered.read_bytes() + foreign_key.read_bytes())
    (found,) = audited.findings()
    assert found.startswith("changed: key.asc: it holds keys that are not in ")
    offered.write_text("none")
    assert audited.findings() == ["damaged: key.asc: it holds no public key"]


def test_a_generation_that_is_told_otherwise_is_named(audited: Audited) -> None:
    path = audited.root / f"generations/{audited.stamps[0]}.json"
    told = json.loads(path.read_bytes())
    path.unlink()
    path.write_text(json.dumps(told | {"added": []}))
    (found,) = audited.findings()
    assert found.startswith(f"changed: generations/{path.name}: what it says of ")
    path.write_text(json.dumps(told | {"reason": "refresh"}))
    assert len(audited.findings()) == 2  # nor is it a refresh, nor does the index say so
    path.unlink()
    assert audited.findings() == [f"missing: generations/{path.name}: it is not there"]


def _forget(lines: list[dict[str, Any]]) -> None:
    del lines[0]


def _count(lines: list[dict[str, Any]]) -> None:
    lines[0]["files_added"] = 7


def _go_back(lines: list[dict[str, Any]]) -> None:
    lines[0]["reason"] = f"rollback to {lines[1]['generation']}"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_forget, "is published, not "),
        (_count, " added 1 files and removed 0"),
        (_go_back, " does not list what "),
    ],
)
def test_an_index_of_generations_that_lies_is_named(
    audited: Audited, change: Callable[[list[dict[str, Any]]], None], told: str
) -> None:
    index = audited.root / "generations/index.json"
    lines = json.loads(index.read_bytes())
    change(lines)
    index.write_text(json.dumps(lines))
    found = audited.findings()
    assert any(
        line.startswith("changed: generations/index.json: ") and told in line for line in found
    )


def test_an_older_generation_under_another_name_is_named(audited: Audited) -> None:
    new, old = (audited.snapshot(stamp).parent for stamp in audited.stamps)
    shutil.rmtree(new)
    shutil.copytree(old, new)
    point = audited.snapshot(audited.stamps[0]).relative_to(audited.root)
    assert f"changed: {point}: it is of generation {audited.stamps[1]}" in audited.findings()


def test_an_older_generation_that_was_changed_is_named(audited: Audited) -> None:
    point = audited.snapshot(audited.stamps[1])
    content = point.read_text()
    point.unlink()
    point.write_text(content.replace(audited.stamps[1], audited.stamps[0]))
    assert f"unsigned: {point.relative_to(audited.root)}: " in "\n".join(audited.findings())


def test_an_older_generation_served_as_the_newest_is_seen(audited: Audited) -> None:
    """A mirror that is behind, or kept behind, cannot be told by its signatures."""
    for path in audited.snapshot(audited.stamps[1]).parent.iterdir():
        if path.is_file():
            served = commit_point(audited.release).with_name(path.name)
            served.unlink()  # it has other names
            shutil.copy(path, served)
    found = audited.findings()
    new, old = audited.stamps
    told = f"it says that {new} is published, not {old}"
    assert f"changed: generations/index.json: {told}" in found
    _, lines = audited.audit()
    assert lines[-2].startswith(f"generation {old} of main, ")


@pytest.mark.parametrize("package_format", ["rpm"])
class TestSnapshotsOfRpm:
    """They are signed, and their packages are those of the repository."""

    def test_one_without_signature_is_named(self, audited: Audited) -> None:
        signatures = [
            audited.snapshot(stamp).with_name("repomd.xml.asc") for stamp in audited.stamps
        ]
        for signature in signatures:
            signature.unlink()
        found = audited.findings()
        # That of the published one too, though a copy of it is signed.
        assert [line for line in found if line.startswith("unsigned: ")] == [
            f"unsigned: {signature.relative_to(audited.root)}: it is not there"
            for signature in signatures
        ]

    def test_other_links_are_named(self, audited: Audited) -> None:
        new, old = (audited.root / "snapshots" / stamp / "Packages" for stamp in audited.stamps)
        old.unlink()
        new.unlink()
        new.symlink_to("/somewhere")
        strange = audited.root / "snapshots/x/Packages"
        strange.parent.mkdir()
        strange.symlink_to("../../Packages")
        assert sorted(audited.findings()) == [
            f"changed: snapshots/{audited.stamps[0]}/Packages: it does not lead to ../../Packages",
            f"missing: snapshots/{audited.stamps[1]}/Packages: it should lead to ../../Packages",
            "stranger: snapshots/x/Packages: nothing that is signed leads to it",
        ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"no JSON", "damaged: generations/index.json: Invalid JSON"),
        (b"[" * 100_000, "damaged: generations/index.json: Invalid JSON"),
        (b'[{"generation": "../../../x", "reason": "publish"}]', "is no generation"),
        (None, "missing: generations/index.json: it is not there"),
    ],
)
def test_a_hostile_index_hides_no_other_finding(
    audited: Audited, content: bytes | None, told: str
) -> None:
    package = audited.package("1.1")
    package.write_bytes(b"changed")
    index = audited.root / "generations/index.json"
    index.unlink()
    if content is not None:
        index.write_bytes(content)
    found = audited.findings()
    assert any(line.startswith(f"changed: {audited.name('1.1')}: ") for line in found)
    assert any(told in line for line in found)


def test_what_is_written_to_a_terminal_is_one_line_and_harmless(audited: Audited) -> None:
    name = "x\nmissing: y: \x1b[2J\u202e"
    (audited.root / name).touch()
    (audited.root / "y").touch()
    assert audited.findings()[0] == (
        "stranger: x\\nmissing: y: \\x1b[2J\\u202e: nothing that is signed leads to it"
    )


def test_much_too_much_is_not_read(audited: Audited, served: Served) -> None:
    """As a file that has no end would be."""
    for path in ("generations/index.json", audited.name("1.1")):
        with (audited.root / path).open("r+b") as file:
            file.truncate(1 << 30)
    expected = {"damaged: generations/index.json", f"changed: {audited.name('1.1')}"}
    for where in (audited.root, f"{served.url}/release"):
        found = audited.findings(*audited.by_address, where=str(where))
        told = {": ".join(line.split(": ")[:2]) for line in found}
        assert expected <= told
        assert not any("its SHA-256" in line for line in found)


def test_the_documentation_knows_every_problem() -> None:
    page = Path(__file__).parents[3] / "docs/how-to/verify-what-was-published.md"
    told = re.findall(r"^\| `([a-z-]+)` \|", page.read_text(), re.MULTILINE)
    assert told == list(get_args(Problem))
