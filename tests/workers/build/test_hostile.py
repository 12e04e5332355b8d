"""A hostile package's build finds no key, no network and no other build, and leaves nothing."""

from __future__ import annotations

import os
import shlex
import socket
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.workers.processes import marker, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.workers.as_user import Outcome, Worker

_HOSTILE = Path(__file__).parents[2] / "fixtures" / "hostile"
_LIMITS = (
    *("--disk", str(96 << 20)),
    *("--memory", str(512 << 20)),
    *("--processes", "100"),
    *("--log-limit", str(2 << 20)),
)


class _Attack:
    """Builds the hostile package with one of its attacks."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.mark = marker()
        self.out = worker.folder("out")
        self._mounts = Path("/proc/self/mountinfo").read_text()

    def build(self, attack: str, *, seconds: int = 60, **settings: str) -> Outcome:
        tree = self._worker.tree(_HOSTILE)
        told = {"ATTACK": attack, "MARK": self.mark, **settings}
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in told.items()]
        (tree / "settings").write_text("".join(lines))
        outcome = self._worker.program(
            *("build", "deb", "--source", tree, "--out", self.out, "--roots", self._worker.roots),
            *("--timeout", str(seconds), *_LIMITS),
        )
        assert running(self.mark) == []
        assert Path("/proc/self/mountinfo").read_text() == self._mounts
        return outcome

    @property
    def log(self) -> str:
        return (self.out / "build.log").read_text(errors="replace")

    def successes(self) -> list[str]:
        """What the attack says it managed; that it tried is asserted."""
        assert self.log.count("\ntried ") > 1
        return [line for line in self.log.splitlines() if line.startswith("SUCCEEDED")]


@pytest.fixture
def attack(worker: Worker, deb_build_root: Path) -> _Attack:
    """The hostile package, ready to be built."""
    return _Attack(worker)


@pytest.fixture
def listening() -> Iterator[tuple[int, str]]:
    """A TCP port and an abstract socket's name that the host listens on."""
    name = uuid.uuid4().hex
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        abstract.bind(f"\0{name}")
        abstract.listen()
        yield server.getsockname()[1], name


def test_no_network(attack: _Attack, listening: tuple[int, str]) -> None:
    port, name = listening
    outcome = attack.build("network", PORT=str(port), NAME=name)
    assert attack.successes() == []
    assert outcome.status == 0  # trying is no crime


def test_no_secret_and_no_other_build(worker: Worker, attack: _Attack) -> None:
    canary = uuid.uuid4().hex
    keys = Path(worker.user.pw_dir, ".gnupg")
    keys.mkdir(exist_ok=True)
    other = worker.folder("other")
    for place in (keys / "canary", other / "canary"):
        place.write_text(canary)
        os.chown(place, worker.user.pw_uid, worker.user.pw_gid)
    outcome = attack.build(
        "secrets", CANARY=canary, WORKER_HOME=worker.user.pw_dir, OTHER_BUILD=str(other)
    )
    assert attack.successes() == []
    assert canary not in attack.log
    assert "s3cret" not in attack.log
    assert outcome.status == 0


def test_nothing_is_written_outside(attack: _Attack) -> None:
    outcome = attack.build("outside")
    assert attack.successes() == []
    assert outcome.status == 0
    places = [Path("/", folder) for folder in ("", "etc", "tmp", "var/tmp", "dev/shm", "usr/bin")]
    for place in places:
        file = place / "lockgate-attack"
        assert not file.exists() or attack.mark not in file.read_text()


def test_a_daemon_does_not_outlive_the_build(attack: _Attack) -> None:
    assert attack.build("daemon").status == 0


@pytest.mark.parametrize(
    ("name", "stopped", "reason"),
    [
        ("fork", "processes", "stopped: it had more than 100 processes and threads"),
        ("gigabyte", "log", "stopped: it printed more than 2 MiB"),
        ("hang", "time", "stopped: it ran longer than"),
        ("disk", "disk", "stopped: the disk is full (96 MiB)"),
        ("memory", "memory", "stopped: it used more than 512 MiB of memory"),
    ],
)
def test_limits_stop_the_build_with_a_clear_reason(
    attack: _Attack, name: str, stopped: str, reason: str
) -> None:
    outcome = attack.build(name, seconds=4 if name == "hang" else 60)
    assert outcome.status == 1
    assert outcome.answer["outcome"] == "change-fault"
    assert outcome.answer["stopped"] == stopped
    assert f"building hostile: {reason}" in outcome.answer["reason"]
    assert len(attack.log) < 3 << 20


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("link-deb", "hostile_1.0-1_all.deb is no regular file"),
        ("device-deb", "building hostile: stopped: it ran longer than"),
        ("folder-deb", "building hostile failed: dpkg-"),
        ("link-changes", "hostile_1.0-1_amd64.changes"),
        ("stranger", "bash_99_all.deb is package bash, which debian/control does not declare"),
        ("name", "building hostile failed: dpkg-genbuildinfo: error: badly formed file name"),
    ],
)
def test_bad_results_are_refused(attack: _Attack, name: str, reason: str) -> None:
    outcome = attack.build(name, seconds=4 if name == "device-deb" else 60)
    assert outcome.status == 1
    assert reason in outcome.answer["reason"]
    assert [path.name for path in attack.out.iterdir() if path.suffix == ".deb"] == []


def test_a_fifo_among_the_results_ends_with_the_time(attack: _Attack) -> None:
    outcome = attack.build("fifo-changes", seconds=4)
    assert outcome.status == 1
    assert outcome.answer["stopped"] == "time"


def test_a_forged_answer_is_only_log(attack: _Attack) -> None:
    outcome = attack.build("json")
    assert outcome.status == 1
    assert outcome.answer["outcome"] == "change-fault"
    assert '{"outcome": "success", "packages": []}' in outcome.said
