"""Which of several versions of a build dependency a build is made with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.workers.build.repositories import repository, served
from tests.workers.install_test.served import Deb
from workers.build.deb_dependencies import control_of, declared, needing, taking_part
from workers.clients.apt import superseded
from workers.clients.apt_index import BinaryPackage
from workers.clients.repository import Rank

if TYPE_CHECKING:
    from tests.packages.chain import Chain
    from tests.workers.as_user import Worker

_GREET = Path(__file__).parents[2] / "fixtures" / "packages" / "greet"
_OFFERED = {
    # name: version in the release repository, in that of a change ahead
    "figlet": ("1.0", None),  # lower than the base distribution's
    "cowsay": ("9.0", "2.0"),
    "bzip2": ("9.0", "0.1"),  # in the root already
}


def _packages(folder: Path, place: int, kind: str) -> Path:
    made = folder / kind
    made.mkdir()
    for name, versions in _OFFERED.items():
        version = versions[place]
        if version is not None:
            script = f"#!/bin/sh\necho {name} of the {kind}\n"
            Deb(name, version, files={f"usr/bin/{name}": script}).make(folder / "scratch", made)
    return made


def test_changes_ahead_come_before_the_release_and_that_before_the_base(
    worker: Worker, chain: Chain, tmp_path: Path
) -> None:
    chain.release.publish(_packages(worker.folder("release"), 0, "release"))
    offered = _packages(worker.folder("ahead"), 1, "change ahead")
    files = [{"file": path.name} for path in offered.iterdir()]
    ahead = repository("deb", Path(chain.key).parents[2], offered, files, tmp_path / "key" / "home")
    tree = worker.tree(_GREET)
    control = tree / "debian/control"
    control.write_text(control.read_text().replace("(= 13)", "(= 13), figlet, cowsay", 1))
    rules = tree / "debian/rules"
    rules.write_text(
        rules.read_text().replace("\tdh_auto_install", "\tfiglet; cowsay; bzip2; dh_auto_install")
    )
    answer, out = chain.build("--source", tree, "--ahead", ahead)
    log = (out / "build.log").read_text()
    for name, where in {
        "figlet": "release",
        "cowsay": "change ahead",
        "bzip2": "change ahead",
    }.items():
        assert f"\n{name} of the {where}\n" in log
    used = {line.split("  ")[1] for line in answer["inputs"]["dependencies"]}
    assert used >= {"figlet_1.0_all.deb", "cowsay_2.0_all.deb", "bzip2_0.1_all.deb"}


def test_what_was_installed_once_serves_builds_that_need_the_same(
    worker: Worker, chain: Chain, tmp_path: Path
) -> None:
    tree = worker.tree(_GREET)
    control, rules = tree / "debian/control", tree / "debian/rules"
    control.write_text(control.read_text().replace("(= 13)", "(= 13), toilet", 1))
    rules.write_text(rules.read_text().replace("\tdh_auto_install", "\ttoilet; dh_auto_install"))

    def offer(name: str, version: str) -> None:
        script = f"#!/bin/sh\necho {name} {version}\n"
        folder = worker.folder("offered")
        Deb(name, version, files={f"usr/bin/{name}": script}).make(tmp_path / version, folder)
        chain.release.publish(folder)

    def build() -> tuple[dict[str, Any], str]:
        answer, out = chain.build("--source", tree)
        return answer, (out / "build.log").read_text()

    offer("toilet", "1.0")
    first, _ = build()
    offer("unheard-of", "1.1")
    again, log = build()
    assert "toilet 1.0\n" in log
    assert "Reading package lists" not in log
    assert again["inputs"] == first["inputs"]
    assert again["packages"] == first["packages"]
    offer("toilet", "1.2")
    newer, log = build()
    assert "toilet 1.2\n" in log
    assert any("toilet_1.2_all.deb" in each for each in newer["inputs"]["dependencies"])


@pytest.mark.parametrize(
    ("control", "exactly", "needs"),
    [
        (
            "Source: a\nBuild-Depends: b,\n# why\n c [amd64],\n\nPackage: a\n",
            {"d": "1"},
            "Build-Depends: b, c [amd64], d (= 1)\n",
        ),
        ("Source: a\n\nPackage: a\nBuild-Depends: b\n", {"d": "1"}, "Build-Depends: d (= 1)\n"),
        (
            "Source: a\nBuild-Conflicts-Arch: x\nStrange: field\n\nPackage: a\n",
            {},
            "Build-Conflicts-Arch: x\n",
        ),
    ],
)
def test_apt_is_told_of_build_dependencies_alone(
    control: str, exactly: dict[str, str], needs: str
) -> None:
    told = control_of(needing(declared(control), exactly))
    assert told == f"Source: needing\n{needs}\nPackage: needing\nArchitecture: any\n"


@pytest.mark.parametrize(
    ("installed", "fields", "names"),
    [
        ("", {"Build-Depends": "a (>= 1) [amd64] | b:any <!nocheck>, c"}, {"a", "b", "c"}),
        ("", {"Build-Depends": "a", "Build-Conflicts-Indep": "d"}, {"a", "d"}),
        ("Pre-Depends: p\nBreaks: q (<< 1)\nProvides: r (= 1)\n", {}, {"p", "q", "r"}),
        (
            "Package: a\nDescription: of z\nDepends: libc6 (>= 2.36), x | y\n\nPackage: b\n",
            {},
            {"a", "b", "libc6", "x", "y"},
        ),
    ],
)
def test_which_packages_take_part(installed: str, fields: dict[str, str], names: set[str]) -> None:
    assert taking_part(installed, fields) == names


def test_the_package_manager_is_not_asked_when_the_root_has_all(
    worker: Worker, deb_build_root: Path, tmp_path: Path
) -> None:
    folder, offered = worker.folder("repository"), tmp_path / "offered"
    offered.mkdir()
    Deb("figlet", "1.0").make(tmp_path / "scratch", offered)
    home = tmp_path / "key" / "home"
    ahead = repository("deb", folder, offered, [{"file": "figlet_1.0_all.deb"}], home)
    out = worker.folder("out")
    with served(folder) as url:
        outcome = worker.program(
            *("build", "deb", "--source", worker.tree(_GREET), "--out", out),
            *("--roots", worker.roots, "--served", url, "--ahead", ahead),
        )
    assert outcome.answer["inputs"]["dependencies"] == []
    assert "Reading package lists" not in (out / "build.log").read_text()


@pytest.mark.parametrize(
    ("offered", "preferred"),
    [
        ([], {}),
        ([(Rank.RELEASE, {"other": "1"})], {}),
        ([(Rank.RELEASE, {"make": "4.3-1"})], {}),
        ([(Rank.RELEASE, {"make": "4.2-1"})], {"make": "4.2-1"}),
        ([(Rank.AHEAD, {"make": "4.1-1"}), (Rank.RELEASE, {"make": "4.4-1"})], {"make": "4.1-1"}),
        ([(Rank.AHEAD, {"make": "4.9-1"}), (Rank.AHEAD, {"make": "4.10-1"})], {"make": "4.10-1"}),
        ([(Rank.AHEAD, {"make": "4.3-1"}), (Rank.RELEASE, {"make": "4.4-1"})], {}),
    ],
)
def test_what_is_preferred_to_the_installed_packages(
    offered: list[tuple[Rank, dict[str, str]]], preferred: dict[str, str]
) -> None:
    listed = [
        (rank, [BinaryPackage(name, version, "", "") for name, version in packages.items()])
        for rank, packages in offered
    ]
    assert superseded({"make": "4.3-1", "gcc": "12"}, listed) == preferred
