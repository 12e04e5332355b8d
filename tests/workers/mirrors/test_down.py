"""A mirror that is down is given up soon, and catches up when it is there again."""

from __future__ import annotations

import re
import socket
import time
from typing import TYPE_CHECKING

import pytest

from tests.workers.repository.programs import refused
from workers.mirrors import rsync, served
from workers.mirrors.served import Served
from workers.mirrors.sync import Mirror as Goal
from workers.mirrors.sync import sync
from workers.mirrors.target import read_target
from workers.outcome import InfrastructureFault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.workers.mirrors.conftest import Mirror
    from tests.workers.repository.programs import Packages

pytestmark = pytest.mark.parametrize("package_format", ["deb"])
_ATTEMPTS = 3
_MOST_SECONDS = 15


@pytest.fixture
def silence() -> Iterator[int]:
    """A port where everybody is let in and nobody is spoken to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_daemon_that_is_not_there(mirror: Mirror, packages: Packages) -> None:
    mirror.repository.publish(packages.make("deb", "1.0"))
    mirror.sync()
    before = mirror.files()
    mirror.repository.publish(packages.make("deb", "1.1"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = int(server.getsockname()[1])
    reason = refused(mirror.try_sync(port=nobody), 75)
    assert "Connection refused" in reason
    assert mirror.files() == before
    assert mirror.sync()["packages_added"] == 1
    assert mirror.is_exact()


def test_a_web_server_that_says_nothing(
    mirror: Mirror, packages: Packages, silence: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "_TIMEOUT_SECONDS", (0.2, 0.2))
    mirror.repository.publish(packages.make("deb", "1.0"))
    began = time.monotonic()
    with pytest.raises(InfrastructureFault, match="does not answer"):
        sync(mirror.repository.root, _goal(mirror, mirror.daemon.port, silence))
    assert time.monotonic() - began < _MOST_SECONDS
    assert not mirror.root.exists()


def test_a_daemon_that_says_nothing(
    mirror: Mirror,
    packages: Packages,
    silence: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(rsync, "_IDLE_SECONDS", 1)
    monkeypatch.setattr(rsync, "_SECONDS_BETWEEN_WORDS", 0.2)
    mirror.repository.publish(packages.make("deb", "1.0"))
    began = time.monotonic()
    with pytest.raises(InfrastructureFault, match="timeout"):
        sync(mirror.repository.root, _goal(mirror, silence, None))
    assert time.monotonic() - began < _MOST_SECONDS
    # People are told meanwhile that it goes on.
    told = re.findall(r"^session (\d): 0 minutes$", capsys.readouterr().err, re.MULTILINE)
    assert set(told) == {str(1 + number) for number in range(_ATTEMPTS)}


def _goal(mirror: Mirror, rsync_port: int, web_port: int | None) -> Goal:
    """The mirror, in the way given."""
    to = f"rsync://syncer@127.0.0.1:{rsync_port}/mirrors/mirror"
    target = read_target(to, mirror.daemon.folder / "password", None, None)
    url = mirror.url if web_port is None else f"http://127.0.0.1:{web_port}/mirror"
    return Goal(target, Served.at(url))
