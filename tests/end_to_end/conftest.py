"""One running demonstration for all end-to-end tests, and the story told in it once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from master.demo.layout import Layout
from master.demo.progress import Progress
from master.demo.ready import Ready
from master.demo.story import Told, tell
from tests.end_to_end.clients import ClientLoop

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_SECONDS = 420  # the first time, root images are made


@dataclass(frozen=True)
class Chain:
    """Everything Lockgate consists of, running."""

    ready: Ready
    layout: Layout


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Start the demonstration without its story; kill it, hard, at the end."""
    state = os.environ.get("STATE")
    data = Path(state) / "end-to-end" if state else tmp_path_factory.mktemp("end-to-end")
    layout = Layout(data)
    layout.ready.unlink(missing_ok=True)
    log = data.with_suffix(".log")
    data.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        demo = subprocess.Popen(
            [Path(sys.executable).parent / "lockgate", "demo", "--data", data, "--no-story"],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not layout.ready.exists():
            assert demo.poll() is None, f"the demonstration ended:\n{log.read_text()[-4000:]}"
            assert time.monotonic() < deadline, f"not ready in time:\n{log.read_text()[-4000:]}"
            time.sleep(0.2)
        yield Chain(Ready.read(layout.ready), layout)
    finally:
        demo.send_signal(signal.SIGKILL)
        demo.wait()
        _nothing_is_left(data)


def _nothing_is_left(data: Path) -> None:
    """Killing the demonstration leaves no process and no mount of it."""
    deadline = time.monotonic() + 10
    while left := _processes_of(data):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.1)
    mounts = Path("/proc/self/mountinfo").read_text()
    assert str(data) not in mounts


def _processes_of(data: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(str(data / "run") in word for word in words):
            found.append(" ".join(words))
    return found


@dataclass(frozen=True)
class Story:
    """What became of the story's changes, and of the clients that looked on."""

    tales: list[Told]
    clients: list[ClientLoop]

    def of(self, title: str) -> Told:
        """One change, by a part of its title."""
        (tale,) = [tale for tale in self.tales if title in tale.proposal.title]
        return tale


@pytest.fixture(scope="session")
def story(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Tell the story once, with real clients reading the repositories all the while."""
    folder = tmp_path_factory.mktemp("clients")
    bases = {"repository": f"{chain.ready.repositories}/release", **chain.ready.mirrors}
    clients = [
        ClientLoop(
            kind,
            f"{base}/main/{kind}",
            chain.layout.keys / f"{kind}.asc",
            folder / f"{name}-{kind}",
        )
        for name, base in bases.items()
        for kind in ("deb", "rpm")
    ]
    for client in clients:
        client.start()
    try:
        console = Console(file=sys.stderr, force_terminal=False, width=120)
        work = tmp_path_factory.mktemp("people")
        tales = tell(chain.ready, work, lambda lines: Progress(console, lines))
    finally:
        for client in clients:
            client.stop()
    return Story(tales, clients)
