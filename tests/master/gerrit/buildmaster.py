"""A real Buildbot master in a process of its own, with Gerrit's events and what a test adds."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from master.demo.processes import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.gerrit_fixture import Gerrit

_CHECKOUT = Path(__file__).resolve().parents[3]
_BUILDBOT = str(Path(sys.executable).parent / "buildbot")
_SECONDS = 60
_CONFIGURATION = """
import json, pathlib
from buildbot.plugins import schedulers, util, worker
from buildbot.util.service import BuildbotService
from twisted.internet import reactor
from master.gerrit.client import GerritClient
from master.gerrit.events import GerritEvents
from master.gerrit.reconcile import Reconciler, on_reconciled

settings = json.loads(pathlib.Path("settings.json").read_text())

async def password():
    return settings["password"]

class Holder:
    client = GerritClient(reactor, settings["url"], "lockgate", password)

class Consumer(BuildbotService):
    name = "consumer"

    def startService(self):
        on_reconciled(self.master, self.write)
        return super().startService()

    async def write(self, changes):
        line = json.dumps({change.number: change.status for change in changes})
        with open("reconciled.jsonl", "a") as file:
            file.write(line + "\\n")

projects = settings["projects"]
BuildmasterConfig = {
    "db_url": "sqlite:///state.sqlite",
    "buildbotNetUsageData": None,
    "www": {"port": f"tcp:{settings['port']}:interface=127.0.0.1"},
    "protocols": {"pb": {"port": "tcp:0:interface=127.0.0.1"}},
    "workers": [worker.Worker("nobody", "x")],
    "builders": [util.BuilderConfig("none", workernames=["nobody"], factory=util.BuildFactory())],
    "schedulers": [schedulers.Triggerable(name="never", builderNames=["none"])],
    "change_source": [
        GerritEvents(
            name="gerrit-events",
            gerritserver=settings["ssh_host"],
            gerritport=settings["ssh_port"],
            username="lockgate",
            identity_file=pathlib.Path(settings["identity_file"]),
            known_hosts=pathlib.Path(settings["known_hosts"]),
            projects=projects,
            url=settings["url"],
        )
    ],
    "services": [
        Consumer(),
        Reconciler(
            gerrit=Holder(),
            source="gerrit-events",
            branches={project: ["main"] for project in projects},
            seconds=settings["seconds"],
        ),
    ],
}
"""


class BuildMaster:
    """Runs in ``folder``, started and stopped at will; its database stays.

    It records events of one project, and of a second one that is there to try the stream with.
    ``more`` is added to its configuration.
    """

    def __init__(self, folder: Path, gerrit: Gerrit, project: str, more: str = "") -> None:
        self.folder = folder
        self.project = project
        self._configuration = _CONFIGURATION + more
        self._gerrit = gerrit
        self._probe = gerrit.propose(gerrit.project(name="probe"), "probe", {"a": "1"})
        self._topics = itertools.count()
        self.known_hosts = folder / "known_hosts"
        self.known_hosts.write_text(gerrit.known_hosts.read_text())
        with free_ports(1) as (port,):
            self._url = f"http://127.0.0.1:{port}/api/v2"
        self._settings = {
            "url": gerrit.url,
            "ssh_host": gerrit.ssh_host,
            "ssh_port": gerrit.ssh_port,
            "password": gerrit.people.service.password,
            "identity_file": str(gerrit.identity_file),
            "known_hosts": str(self.known_hosts),
            "projects": [project, self._probe.project],
            "seconds": 3600,  # only when there is reason to
            "port": port,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._write()
        (folder / "buildbot.tac").write_text(
            "from twisted.application import service\n"
            "from buildbot.master import BuildMaster\n"
            "application = service.Application('buildmaster')\n"
            f"BuildMaster({str(folder)!r}, 'master.cfg').setServiceParent(application)\n"
        )
        self._run("upgrade-master", "--quiet", str(folder))

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "out.log").open("ab") as log:
            self._process = subprocess.Popen(
                [_BUILDBOT, "start", "--nodaemon", str(self.folder)],
                cwd=self.folder,
                env=self._environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait_for(self._answers, "the master to answer")

    def stop(self) -> None:
        """End it, with its ssh."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(20)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()

    def changes(self, category: str | None = None) -> list[dict[str, Any]]:
        """Recorded events of the project, oldest first, each with plain ``properties``."""
        found = [change for change in self._all() if change["project"] != self._probe.project]
        return [change for change in found if category in (None, change["category"])]

    def wait_until_streaming(self) -> None:
        """Wait until events come through the stream, by making some."""
        before = len(self._probed())

        def probe() -> bool:
            topic = {"topic": f"probe-{next(self._topics)}"}
            self._gerrit.do("PUT", f"changes/{self._probe.number}/topic", topic)
            return len(self._probed()) > before

        self.wait_for(probe, "an event stream")

    def wait_for_changes(self, category: str, count: int) -> list[dict[str, Any]]:
        """Wait until that many events of a category are recorded."""
        self.wait_for(lambda: len(self.changes(category)) >= count, f"{count} {category}")
        return self.changes(category)

    def reconciled(self) -> list[dict[str, str]]:
        """What consumers were given: status by change number, one for each reconciliation."""
        file = self.folder / "reconciled.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        found = [json.loads(line) for line in lines]
        for statuses in found:
            statuses.pop(str(self._probe.number), None)
        return found

    def log(self) -> str:
        """Everything it logged."""
        return "".join(
            file.read_text(errors="replace")
            for name in ("out.log", "twistd.log")
            if (file := self.folder / name).exists()
        )

    def get(self, path: str) -> Any:
        """Ask its REST interface."""
        return requests.get(f"{self._url}/{path}", timeout=20).json()

    def control(self, path: str, method: str) -> None:
        """Do what a button of its pages does."""
        call: dict[str, Any] = {"id": 1, "jsonrpc": "2.0", "method": method, "params": {}}
        answer = requests.post(f"{self._url}/{path}", json=call, timeout=20)
        assert answer.ok, answer.text

    def streaming(self) -> int | None:
        """Process id of its ssh, if it runs."""
        assert self._process is not None
        task = Path(f"/proc/{self._process.pid}/task")
        children = [pid for file in task.glob("*/children") for pid in file.read_text().split()]
        names = {int(pid): Path(f"/proc/{pid}/comm").read_text().strip() for pid in children}
        return next((pid for pid, name in names.items() if name == "ssh"), None)

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Wait for a condition, at most a minute."""
        deadline = time.monotonic() + _SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"no sign of {what}\n{self.log()[-3000:]}"
            if self._process is not None:
                assert self._process.poll() is None, self.log()[-3000:]
            time.sleep(0.1)

    def _all(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("changes")["changes"]
        for change in found:
            change["properties"] = {k: v[0] for k, v in change["properties"].items()}
        return sorted(found, key=lambda change: change["changeid"])

    def _probed(self) -> list[dict[str, Any]]:
        return [change for change in self._all() if change["category"] == "topic-changed"]

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self._url}/masters", timeout=5).ok
        except requests.RequestException:
            return False

    def _write(self) -> None:
        (self.folder / "settings.json").write_text(json.dumps(self._settings))
        (self.folder / "master.cfg").write_text(self._configuration)

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(
            [_BUILDBOT, *arguments],
            env=self._environment(),
            check=False,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    @staticmethod
    def _environment() -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(_CHECKOUT), "SSH_AUTH_SOCK": "/nonexistent"}
