"""RPM builds by mock: what it is asked for, and what is made of its answers."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.workers.build.repositories import repository, served
from tests.workers.processes import wait_until
from tests.workers.repository.programs import Signer, end_agent

if TYPE_CHECKING:
    from tests.workers.as_user import Outcome, Worker

_PACKAGES = Path(__file__).parents[2] / "fixtures" / "packages"
_STAND_IN = Path(__file__).with_name("mock_stand_in.py")
_REPEATABLE = {
    "_buildhost lockgate",
    "source_date_epoch_from_changelog 1",
    "use_source_date_epoch_as_buildtime 1",
    "clamp_mtime_to_source_date_epoch 1",
}

pytestmark = pytest.mark.usefixtures("rpm_build_root")


@pytest.fixture
def beside(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the stand-in for mock is found, and in which it takes notes."""
    folder = worker.folder("bin")
    shutil.copyfile(_STAND_IN, folder / "mock")
    (folder / "mock").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def _build(worker: Worker, *options: str | Path, code: str | None = None) -> tuple[Outcome, Path]:
    out = worker.folder("out")
    return worker.program(*_command(worker, out, code), *options), out


def _command(worker: Worker, out: Path, code: str | None = None) -> tuple[str | Path, ...]:
    source, packaging = worker.tree(_PACKAGES / "count"), worker.tree(_PACKAGES / "count-packaging")
    if code is not None:
        (source / "count.c").write_text(code)
    return (
        *("build", "rpm", "--source", source, "--packaging", packaging, "--spec", "count.spec"),
        *("--dist", ".lg7", "--out", out, "--roots", worker.roots),
    )


def _asked(beside: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (beside / "asked").read_text().splitlines()]


def test_packages_are_built_by_mock_and_answered_as_ever(
    worker: Worker, beside: Path, tmp_path: Path
) -> None:
    plain, out = _build(worker)
    folder, home = worker.folder("repository"), tmp_path / "key" / "home"
    ahead = repository("rpm", folder, out, plain.answer["packages"], home)
    signer = Signer.make(tmp_path / "signer")
    end_agent(tmp_path / "signer")
    (folder / "key.asc").write_text(signer.public_keys["rpm"])
    with served(folder) as url:
        base = {
            "url": f"{url}/base",
            "key_url": f"{url}/key.asc",
            "fingerprints": [signer.fingerprints["rpm"]],
        }
        given = ("--served", url, "--ahead", ahead, "--base", json.dumps(base))
        outcome, _ = _build(worker, "--mock", "rocky-9-x86_64", *given)
        (folder / "key.asc").write_text("".join(signer.public_keys.values()))
        stranger, _ = _build(worker, "--mock", "rocky-9-x86_64", "--base", json.dumps(base))
    answer = outcome.answer
    assert outcome.status == 0, (answer, outcome.said)
    assert answer.keys() == plain.answer.keys()
    assert answer["stages"].keys() == plain.answer["stages"].keys()
    # The stand-in has the compiler that the root has.
    assert answer["files"] == plain.answer["files"]
    assert answer["inputs"]["dependencies"] == ["11  bash-5-1.x86_64", "22  gcc-12-1.x86_64"]
    assert answer["inputs"]["options"]["mock"] == "rocky-9-x86_64"
    asked = _asked(beside)[:5]
    assert [each["mode"] for each in asked] == [
        *("init", "installdeps", "chroot", "rebuild", "clean")
    ]
    _, installed, listed, rebuilt, _ = asked
    assert listed["arguments"][:3] == ["rpm", "--query", "--all"]
    for each in (installed, rebuilt):
        assert Path(each["arguments"][0]).name == "count-1.2-1.lg7.src.rpm"
    assert rebuilt["no_clean"]
    assert set(rebuilt["define"]) == {*_REPEATABLE, "dist .lg7"}
    extensions = {each["uniqueext"] for each in asked}
    assert len(extensions) == 1
    assert not Path(rebuilt["root"]).parent.exists()
    assert stranger.answer["outcome"] == "infrastructure"
    assert "key.asc holds keys that the site file does not name" in stranger.answer["reason"]
    configuration = _configured(beside)
    assert configuration["include"] == "/etc/mock/rocky-9-x86_64.cfg"
    assert configuration["rpmbuild_networking"] is False
    first, second = configuration["dnf.conf"].split("[lockgate-1]")
    path = json.loads(ahead)["path"]
    assert f"baseurl={url}/{path}/\n" in first
    assert "\npriority=2\n" in first
    assert f"baseurl={url}/base/\nenabled=1\ngpgcheck=1\ngpgkey={url}/key.asc\n" in second
    assert "\npriority=99\n" in second


def _configured(beside: Path) -> dict[str, Any]:
    """Read the configuration as mock does: by running it."""
    options: dict[str, Any] = {"package_manager": "dnf", "dnf.conf": ""}
    told = {"config_opts": options, "include": lambda path: options.update(include=path)}
    exec((beside / "configuration").read_text(), told)  # noqa: S102 - it is a program
    return options


def test_a_failing_build_is_the_changes_fault(worker: Worker, beside: Path) -> None:
    outcome, out = _build(worker, "--mock", "rocky-9-x86_64", code="int main(void) { return x; }\n")
    assert outcome.status == 1
    assert outcome.answer["reason"].startswith("building failed: error: Bad exit status from")
    assert "FAILED" in (out / "build.log").read_text()
    assert _asked(beside)[-1]["mode"] == "clean"


def test_time_that_is_up_ends_mock(worker: Worker, beside: Path) -> None:
    (beside / "mock").write_text("#!/bin/sh\ncase $* in *--clean*) ;; *) exec sleep 600 ;; esac\n")
    outcome, _ = _build(worker, "--mock", "rocky-9-x86_64", "--timeout", "5")
    assert outcome.answer["stopped"] == "time"


def test_a_build_that_is_stopped_ends_mock(worker: Worker, beside: Path) -> None:
    note = f"echo $* >>{beside}/ended"
    (beside / "mock").write_text(
        f"#!/bin/sh\ncase $* in *--clean*) {note}; exit ;; esac\n"
        f"trap '{note}; exit 1' TERM\ntouch {beside}/started\nsleep 600 & wait\n"
    )
    command = _command(worker, worker.folder("out"))
    with worker.started(*command, "--mock", "rocky-9-x86_64") as process:
        wait_until((beside / "started").exists, "mock to be started", seconds=120)
        process.terminate()
        process.communicate(timeout=60)
    first, second = (beside / "ended").read_text().splitlines()
    assert first.endswith("--init")
    assert second.endswith("--clean")


def test_a_worker_without_mock_is_told_of(worker: Worker) -> None:
    outcome, _ = _build(worker, "--mock", "rocky-9-x86_64")
    assert outcome.answer["outcome"] == "infrastructure"
    assert outcome.answer["reason"] == "mock is not installed on this worker"
