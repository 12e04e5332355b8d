"""A sync that is killed leaves the old generation or the new one, for every client, and the next
sync goes on where it was.
"""

from __future__ import annotations

import signal
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.workers.mirrors.killing import Killer
from tests.workers.mirrors.plain_clients import plain_client
from tests.workers.processes import running as processes_with
from tests.workers.processes import wait_until
from tests.workers.repository.programs import CODENAME, only_package, program, succeeded
from workers.provenance.audit import audit
from workers.provenance.choice import chain_of
from workers.provenance.readers import Address
from workers.provenance.trust import trusting

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workers.mirrors.conftest import Mirror
    from tests.workers.repository.programs import Packages

_KILLED = -signal.SIGKILL
_GENERATIONS = 3
_BRING, _SWITCH, _REMOVE = 1, 2, 3  # the sessions of a sync
# More are made by `make test-faults`.
_KILLS = [pytest.param(40, marks=pytest.mark.faults), 4]


@dataclass
class _Story:
    """Versions that are published one after the other; the newest generations are kept."""

    mirror: Mirror
    packages: Packages
    version: int = 0

    @classmethod
    def begun(cls, mirror: Mirror, packages: Packages) -> _Story:
        """One that has come so far that each sync has to remove something, too."""
        story = cls(mirror, packages)
        for _ in range(_GENERATIONS):
            story.publish()
        mirror.sync()
        return story

    def publish(self) -> None:
        """The next version."""
        self.version += 1
        repository = self.mirror.repository
        folder = self.packages.make(repository.package_format, f"1.{self.version}")
        staged = repository.stage(folder)
        commit = repository.commit_arguments(staged["stage"], repository.sign(staged), retention=0)
        succeeded(program(*commit, "--generations", str(_GENERATIONS)))

    def newest_seen(self) -> int:
        """The newest version that clients see, all of whom see a whole generation."""
        mirror = self.mirror
        # What has been begun on the mirror ends there, whatever became of the sender.
        wait_until(
            lambda: len(processes_with(str(mirror.daemon.configuration))) == 1, "the daemon's calm"
        )
        reader, kind = Address(mirror.url), mirror.repository.package_format
        codename = CODENAME if kind == "deb" else None
        with trusting(mirror.repository.root / "key.asc") as trust:
            report = audit(reader, trust, chain_of(reader, kind, codename), datetime.now(UTC))
        assert report.files
        assert not report.findings
        newest = 0
        for client in (mirror.client(), plain_client(mirror)):
            client.update()
            newest = max(int(version.split(".")[1]) for version in client.versions("demo"))
            assert client.download("demo") == self._package(newest)
        return newest

    def _package(self, version: int) -> bytes:
        kind = self.mirror.repository.package_format
        return only_package(self.packages.make(kind, f"1.{version}")).read_bytes()


@pytest.mark.timeout(1200)
def test_killed_after_each_session(
    mirror: Mirror, packages: Packages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = _Story.begun(mirror, packages)
    killer = Killer.put(tmp_path / "killer", monkeypatch)
    for session in (_BRING, _SWITCH, _REMOVE):
        story.publish()
        killer.kill_after(session)
        assert mirror.try_sync().status == _KILLED
        killer.spare()
        assert story.newest_seen() == story.version - (session == _BRING)
        done = mirror.sync()
        assert not done["full"]
        assert (done["packages_added"], done["packages_removed"]) == (1, 1)
        assert mirror.is_exact()
        assert not mirror.hidden()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kills", _KILLS)
def test_killed_at_random(mirror: Mirror, packages: Packages, kills: int) -> None:
    random = Random(mirror.repository.package_format)  # noqa: S311 - nobody has to be surprised
    story = _Story.begun(mirror, packages)
    story.publish()
    longest = mirror.sync()["seconds"] * 1.5
    seen, killed = story.version, 0
    for _ in range(kills):
        story.publish()
        process = mirror.start_sync()
        try:
            process.communicate(timeout=random.uniform(0, longest))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            killed += process.returncode == _KILLED
        before, seen = seen, story.newest_seen()
        assert seen in (before, story.version)
    assert killed
    mirror.sync()
    assert story.newest_seen() == story.version
