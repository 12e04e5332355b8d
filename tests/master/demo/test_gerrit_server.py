"""The demonstration's Gerrit: what the other tests' use of it does not show."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from master.demo import gerrit_jars
from master.demo.gerrit_jars import gerrit_jars as fetch
from master.demo.gerrit_server import GerritServer
from master.demo.gerrit_setup import GerritSetup
from master.demo.processes import DidNotStart

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.gerrit_fixture import Gerrit

CHECKOUT = Path(__file__).resolve().parents[3]
USER = "lockgate-gerrit"
# Starts a server, says which process it is, and never ends by itself.
STARTS_ONE = f"""
import sys, signal, pathlib
from concurrent.futures import ThreadPoolExecutor
from master.demo.gerrit_server import GerritServer
from master.demo.gerrit_setup import GerritSetup
from workers.users import ensure_user
ensure_user({USER!r})
server = GerritServer(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), user={USER!r})
with ThreadPoolExecutor() as pool:
    pool.submit(server.start).result()  # whose thread ends here; the server must not
setup = GerritSetup(server)
setup.run()
setup.create_project("kept")
print(server._process.pid, flush=True)
signal.pause()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="lockgate-gerrit-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.skipif(os.getuid() != 0, reason="runs the server as another user")
def test_it_dies_with_its_parent_and_starts_again_on_its_data(
    folder: Path, gerrit_jars_cache: Path
) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", STARTS_ONE, str(folder / "server"), str(gerrit_jars_cache)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        owner = Path(f"/proc/{pid}").owner()
        assert owner == USER
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait(10)
    deadline = time.monotonic() + 20
    while running(pid):
        assert time.monotonic() < deadline, "the server outlived its parent"
        time.sleep(0.1)

    again = GerritServer(folder / "server", gerrit_jars_cache, user=USER)
    try:
        again.start()
        assert "init" not in again.seconds
        people = GerritSetup(again).run()
        answer = requests.get(
            f"{again.url}/a/projects/kept",
            auth=(people.maintainer.name, people.maintainer.password),
            timeout=30,
        )
        assert answer.ok
        log = again.log.read_text()
        assert "DEBUG" not in log
        assert "INFO" not in log
    finally:
        again.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(again.url, timeout=5)


def test_nobody_gets_in_with_the_well_known_password(gerrit: Gerrit) -> None:
    answer = requests.get(f"{gerrit.url}/a/accounts/self", auth=("admin", "secret"), timeout=30)
    assert answer.status_code == 401
    session = requests.Session()
    session.get(f"{gerrit.url}/login/?account_id=1000000", timeout=30)
    assert session.get(f"{gerrit.url}/accounts/self", timeout=30).status_code == 403
    secrets = gerrit.server.folder / "credentials.json"
    assert secrets.stat().st_mode & 0o077 == 0


def test_a_jar_that_is_not_the_pinned_one_is_refused(
    tmp_path: Path, gerrit_jars_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (good, *_) = fetch(gerrit_jars_cache)
    wrong = tmp_path / "wrong.jar"
    wrong.write_bytes(b"not a jar")
    monkeypatch.setattr(gerrit_jars, "_fetch", lambda _coordinates, _folder: wrong)
    with pytest.raises(DidNotStart, match="is pinned"):
        fetch(tmp_path / "cache")
    assert list((tmp_path / "cache").glob("*.jar")) == []
    # One that was damaged in the cache is fetched again.
    cache = tmp_path / "damaged"
    shutil.copytree(gerrit_jars_cache, cache)
    with (cache / good.name).open("ab") as jar:
        jar.write(b"!")

    def fetch_good(_coordinates: str, to: Path) -> Path:
        return Path(shutil.copy(good, to))

    monkeypatch.setattr(gerrit_jars, "_fetch", fetch_good)
    assert fetch(cache)[0].read_bytes() == good.read_bytes()


def test_a_server_that_cannot_start_says_why(folder: Path, gerrit_jars_cache: Path) -> None:
    site = folder / "site"
    (site / "etc").mkdir(parents=True)
    server = GerritServer(folder, gerrit_jars_cache)
    with pytest.raises(DidNotStart, match=r"gerrit\.basePath must be configured"):
        server.start(60)
    (site / "etc" / "gerrit.config").write_text("[gerrit\n")
    with pytest.raises(DidNotStart, match="cannot write Gerrit's configuration"):
        server.start(60)


def running(pid: int) -> bool:
    """Whether a process still does anything: a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
