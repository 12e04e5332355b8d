"""Which of several versions of a build dependency a build is made with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.workers.build.repositories import repository, served
from tests.workers.install_test.served import Deb
from workers.clients.apt import superseded
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
    assert superseded({"make": "4.3-1", "gcc": "12"}, offered) == preferred
