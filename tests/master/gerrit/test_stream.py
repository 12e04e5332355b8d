"""An operator is told why Gerrit's events do not come: real ssh, real Gerrit."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest
import requests
from twisted.internet.process import reapAllProcesses
from twisted.python import log

from master.demo.processes import free_ports
from master.gerrit.stream import KnownHostStream
from tests.reactor_fixture import reactor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.gerrit_fixture import Gerrit
    from tests.reactor_fixture import Reactor

_SECONDS = 30


class _Source:
    """Stands for the change source; one that does not run is not connected again."""

    name = "events"
    running = False


@pytest.fixture
def said() -> Iterator[SimpleQueue[str]]:
    """What is logged about Gerrit."""
    lines: SimpleQueue[str] = SimpleQueue()

    def note(event: dict[str, Any]) -> None:
        text = log.textFromEventDict(event) or ""
        if text.startswith("Gerrit at"):
            lines.put(text)

    log.addObserver(note)
    yield lines
    log.removeObserver(note)


def connect(in_reactor: Reactor, gerrit: Gerrit, **settings: Any) -> None:
    """Begin to stream; the connection is expected to fail."""
    known = {
        "gerritserver": gerrit.ssh_host,
        "gerritport": gerrit.ssh_port,
        "username": "lockgate",
        "identity_file": str(gerrit.identity_file),
        "known_hosts": gerrit.known_hosts,
        **settings,
    }
    stream = KnownHostStream(
        reactor,
        _Source(),
        **known,
        on_process_start_cb=lambda: None,
        on_line_received_cb=lambda _line: None,
    )
    in_reactor.call(stream.start)


def hear(in_reactor: Reactor, said: SimpleQueue[str]) -> str:
    """The next thing said."""
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        # Only a reactor in the main thread is told when its children end.
        in_reactor.call(reapAllProcesses)
        with suppress(Empty):
            return said.get(timeout=0.1)
    pytest.fail("nothing was said about Gerrit")


def test_a_port_where_nobody_listens_is_named_with_the_keys_to_look_at(
    in_reactor: Reactor, gerrit: Gerrit, said: SimpleQueue[str]
) -> None:
    with free_ports(1) as (port,):
        connect(in_reactor, gerrit, gerritport=port)
        text = hear(in_reactor, said)
    assert text.startswith(f"Gerrit at {gerrit.ssh_host}:{port}: nobody answers")
    assert "gerrit.ssh_port right?" in text


def test_a_host_that_does_not_exist_is_named(
    in_reactor: Reactor, gerrit: Gerrit, said: SimpleQueue[str]
) -> None:
    connect(in_reactor, gerrit, gerritserver="gerrit.invalid", gerritport=29418)
    text = hear(in_reactor, said)
    assert text.startswith("Gerrit at gerrit.invalid:29418: there is no host of that name")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A new key that nobody knows."""
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


def test_a_key_that_gerrit_does_not_know_is_named_with_its_user(
    in_reactor: Reactor, gerrit: Gerrit, said: SimpleQueue[str], key: Path
) -> None:
    connect(in_reactor, gerrit, identity_file=str(key))
    text = hear(in_reactor, said)
    assert f"user lockgate has not got the key {key}" in text


def test_an_account_without_the_right_to_stream_is_named(
    in_reactor: Reactor, gerrit: Gerrit, said: SimpleQueue[str], key: Path
) -> None:
    somebody = gerrit.people.maintainer
    answer = requests.post(
        f"{gerrit.url}/a/accounts/self/sshkeys",
        data=key.with_suffix(".pub").read_text(),
        headers={"Content-Type": "text/plain"},
        auth=(somebody.name, somebody.password),
        timeout=_SECONDS,
    )
    assert answer.ok, answer.text
    connect(in_reactor, gerrit, identity_file=str(key), username=somebody.name)
    assert f"user {somebody.name} lacks the right `Stream Events`" in hear(in_reactor, said)
