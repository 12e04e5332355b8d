"""Real DEB builds in real roots."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from debian.deb822 import Changes, Dsc

from tests.workers.build.repositories import repository, served

if TYPE_CHECKING:
    from tests.workers.as_user import Outcome, Worker

_GREET = Path(__file__).parents[2] / "fixtures" / "packages" / "greet"
_PATCH = """\
Description: greet otherwise
--- a/greet.c
+++ b/greet.c
@@ -3,5 +3,5 @@
 int main(void)
 {
-\tputs("Good day.");
+\tputs("Good evening.");
 \treturn 0;
 }
"""

pytestmark = pytest.mark.usefixtures("deb_build_root")


def _build(worker: Worker, tree: Path, *options: str | Path) -> tuple[Outcome, Path]:
    out = worker.folder("out")
    outcome = worker.program(
        *("build", "deb", "--source", tree, "--out", out, "--roots", worker.roots, *options)
    )
    return outcome, out


def _built(worker: Worker, tree: Path, *options: str | Path) -> tuple[dict[str, str], Path]:
    """Build what is expected to build; return the sha256 of each file."""
    outcome, out = _build(worker, tree, *options)
    assert outcome.status == 0, outcome.answer
    files: dict[str, str] = outcome.answer["files"]
    return files, out


def _unpacked(out: Path, to: Path) -> Path:
    (dsc,) = out.glob("*.dsc")
    subprocess.run(["dpkg-source", "--extract", dsc, to], check=True, capture_output=True)
    return to


def _edit(tree: Path, name: str, old: str, new: str) -> None:
    text = (tree / name).read_text()
    assert old in text
    (tree / name).write_text(text.replace(old, new))


def test_source_and_binaries_are_built_and_described(worker: Worker) -> None:
    outcome, out = _build(worker, worker.tree(_GREET))
    answer = outcome.answer
    assert outcome.status == 0, answer
    assert (answer["name"], answer["version"]) == ("greet", "1.0-2")
    assert answer["source_date_epoch"] == 1704189600
    (package,) = [x for x in answer["packages"] if x["name"] == "greet"]
    file = out / package["file"]
    assert package == {
        "file": "greet_1.0-2_amd64.deb",
        "name": "greet",
        "version": "1.0-2",
        "architecture": "amd64",
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "size": file.stat().st_size,
    }
    assert answer["source"]["files"] == [
        "greet_1.0-2.debian.tar.xz",
        "greet_1.0-2.dsc",
        "greet_1.0.orig.tar.gz",
    ]
    assert {path.name for path in out.iterdir()} == {*answer["files"], "build.log"}
    assert set(answer["stages"]) == {
        *("checks", "root", "source", "dependencies", "build", "results")
    }
    for name, kind in {"greet_1.0-2_amd64.changes": Changes, "greet_1.0-2.dsc": Dsc}.items():
        listed = {x["name"]: x["sha256"] for x in kind((out / name).open())["Checksums-Sha256"]}
        assert listed.items() <= answer["files"].items()
        assert "greet_1.0.orig.tar.gz" in listed


def test_same_tree_gives_same_bits_whatever_its_times_and_place(worker: Worker) -> None:
    first, _ = _built(worker, worker.tree(_GREET))
    other = worker.tree(_GREET)
    for path in other.rglob("*"):
        os.utime(path, (1, 1))
    second, _ = _built(worker, other)
    same = {name for name in first if not name.endswith((".buildinfo", ".changes"))}
    assert {name: first[name] for name in same} == {name: second[name] for name in same}
    assert "greet_1.0-2_amd64.deb" in same


def test_a_revision_of_the_packaging_keeps_the_upstream_archive(worker: Worker) -> None:
    first, _ = _built(worker, worker.tree(_GREET))
    tree = worker.tree(_GREET)
    changelog = (tree / "debian/changelog").read_text()
    entry = changelog.partition("\n\n\n")[0].split("greet (1.0-1)")[0]
    newer = entry.replace("1.0-2", "1.0-3").replace("02 Jan", "02 Feb").replace("Tue,", "Fri,")
    (tree / "debian/changelog").write_text(newer + changelog)
    second, _ = _built(worker, tree)
    assert "greet_1.0-3.dsc" in second
    assert first["greet_1.0.orig.tar.gz"] == second["greet_1.0.orig.tar.gz"]


def test_patches_may_be_applied_in_the_tree_or_not(worker: Worker) -> None:
    tree = worker.tree(_GREET)
    (tree / "debian/patches").mkdir()
    (tree / "debian/patches/evening.patch").write_text(_PATCH)
    (tree / "debian/patches/series").write_text("# ours\nevening.patch\n")
    bare, out = _built(worker, tree)
    unpacked = _unpacked(out, out.parent / f"{out.name}-unpacked")
    assert "Good evening." in (unpacked / "greet.c").read_text()
    _edit(tree, "greet.c", "Good day.", "Good evening.")
    applied, _ = _built(worker, tree)
    plain, _ = _built(worker, worker.tree(_GREET))
    for name in ("greet_1.0-2_amd64.deb", "greet_1.0-2.dsc", "greet_1.0.orig.tar.gz"):
        assert applied[name] == bare[name]
    assert applied["greet_1.0.orig.tar.gz"] == plain["greet_1.0.orig.tar.gz"]
    assert applied["greet_1.0-2_amd64.deb"] != plain["greet_1.0-2_amd64.deb"]


@pytest.mark.parametrize(
    ("source_format", "version", "files"),
    [
        ("1.0", "1.0-2", ["greet_1.0-2.dsc", "greet_1.0-2.tar.gz"]),
        ("3.0 (native)", "1.0", ["greet_1.0.dsc", "greet_1.0.tar.xz"]),
    ],
)
def test_other_source_formats(
    worker: Worker, source_format: str, version: str, files: list[str]
) -> None:
    tree = worker.tree(_GREET)
    (tree / "debian/source/format").write_text(f"{source_format}\n")
    _edit(tree, "debian/changelog", "(1.0-2)", f"({version})")
    outcome, _ = _build(worker, tree)
    assert outcome.status == 0, outcome.answer
    assert outcome.answer["source"]["files"] == files


def test_a_compilers_error_is_the_reason(worker: Worker) -> None:
    tree = worker.tree(_GREET)
    _edit(tree, "greet.c", 'puts("Good day.");', 'puts("Good day.")')
    outcome, out = _build(worker, tree)
    assert (outcome.status, outcome.answer["outcome"]) == (1, "change-fault")
    assert outcome.answer["reason"].startswith("building greet failed: greet.c:5:")
    assert "error: expected" in outcome.answer["reason"]
    assert "make: *** " in outcome.answer["detail"]
    assert outcome.answer["log"] == str(out / "build.log")
    assert "Good day." in (out / "build.log").read_text()
    assert [path.name for path in out.iterdir()] == ["build.log"]


def test_build_dependencies_come_from_the_given_repository(worker: Worker, tmp_path: Path) -> None:
    folder = worker.folder("repository")
    with served(folder) as url:
        needed = worker.tree(_GREET)
        probe = f"(: </dev/tcp/127.0.0.1/{url.rpartition(':')[2]}) && echo REACHED || echo APART"
        (needed / "debian/postinst").write_text(f"#!/bin/bash\n{probe}\n#DEBHELPER#\n")
        first, before = _build(worker, needed)
        packages = [x for x in first.answer["packages"] if x["name"] == "greet"]
        ahead = repository("deb", folder, before, packages, tmp_path / "home")
        tree = worker.tree(_GREET)
        _edit(tree, "debian/control", "(= 13)", "(= 13), greet (>= 1.0)")
        _edit(tree, "debian/rules", "\tdh_auto_install", "\tgreet; dh_auto_install")
        # Nothing has been published yet, so the release repository is empty.
        empty = json.dumps({**json.loads(ahead), "path": "release/main/deb"})
        given = ("--served", url, "--ahead", ahead, "--repository", empty)
        outcome, out = _build(worker, tree, *given)
        assert outcome.status == 0, outcome.answer
        log = (out / "build.log").read_text()
        assert "\nGood day.\n" in log
        assert "\nAPART\n" in log  # a dependency's own scripts run without network
        missing, _ = _build(worker, tree)
        assert missing.status == 1
        assert missing.answer["reason"] == (
            "installing the build dependencies failed: dpkg-checkbuilddeps: error: "
            "Unmet build dependencies: greet (>= 1.0)"
        )
        assert "E: Unable to correct problems" in missing.answer["detail"]
        strangers = json.dumps({**json.loads(ahead), "fingerprints": ["0" * 40]})
        other_key, _ = _build(worker, tree, "--served", url, "--ahead", strangers)
        assert other_key.answer["outcome"] == "infrastructure"
        assert "no key that the site file names" in other_key.answer["reason"]
    unreachable, _ = _build(worker, tree, "--served", url, "--ahead", ahead)
    assert unreachable.answer["outcome"] == "infrastructure"


def test_packages_for_another_release_of_the_distribution_are_not_built(worker: Worker) -> None:
    with served(worker.folder("empty")) as url:
        release = {
            "path": "release",
            "format": "deb",
            "origin": "x",
            "codename": "woody",
            "key": "k",
        }
        given = ("--served", url, "--repository", json.dumps(release))
        outcome, _ = _build(worker, worker.tree(_GREET), *given)
    assert outcome.answer["outcome"] == "infrastructure"
    assert (
        "codename 'woody', but root images of this worker are made of" in outcome.answer["reason"]
    )


def test_a_packages_own_script_cannot_use_the_network_of_dependencies(worker: Worker) -> None:
    tree = worker.tree(_GREET)
    with served(worker.folder("empty")) as url:
        port = url.rpartition(":")[2]
        probe = f"bash -c ': </dev/tcp/127.0.0.1/{port}' && echo REACHED || true; dh_auto_install"
        _edit(tree, "debian/rules", "dh_auto_install --", f"{probe} --")
        _, out = _build(worker, tree)
    assert "REACHED\n" not in (out / "build.log").read_text().replace("echo REACHED ||", "")


def test_an_upstream_tarball_is_refused_before_anything_runs(worker: Worker) -> None:
    tree = worker.tree(_GREET)
    (tree / "greet_1.0.orig.tar.gz").write_bytes(b"")
    outcome, out = _build(worker, tree)
    assert outcome.status == 1
    assert "commit the source unpacked instead" in outcome.answer["reason"]
    assert list(out.iterdir()) == []


def test_results_are_not_mixed_with_other_files(worker: Worker) -> None:
    out = worker.folder("out")
    (out / "stranger.deb").write_bytes(b"")
    tree = worker.tree(_GREET)
    outcome = worker.program(
        *("build", "deb", "--source", tree, "--out", out, "--roots", worker.roots)
    )
    assert (outcome.status, outcome.answer["outcome"]) == (2, "bad-request")


@pytest.mark.parametrize(
    ("served_at", "text", "reason"),
    [
        ("ftp://x", "{}", "--served is an address"),
        ("http://x", "{}", "description of a repository, path: Field required"),
        ("http://x", '{"path": "../x", "format": "deb"}', "'..' is not allowed"),
        ("http://x", '{"path": "x", "format": "rpm"}', "x is no repository of deb packages"),
        ("http://x", '{"path": "x", "format": "deb"}', "give origin, codename and key"),
    ],
)
def test_a_wrong_repository_is_refused(
    worker: Worker, served_at: str, text: str, reason: str
) -> None:
    outcome, _ = _build(worker, worker.tree(_GREET), "--served", served_at, "--ahead", text)
    assert (outcome.status, outcome.answer["outcome"]) == (2, "bad-request")
    assert reason in outcome.answer["reason"]
