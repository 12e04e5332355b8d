"""The check pipeline around its builds: real Gerrit, real master, builds that end as told."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from buildbot.process.results import CANCELLED

from tests.master.gerrit.buildmaster import BuildMaster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.gerrit_fixture import Gerrit, Proposed

# A build waits at a pipe named for its patch set and package, which tells it how to end.
_CHECKS = """
from types import SimpleNamespace
from buildbot.plugins import steps
from master.configurator.cancelling import cancel_superseded
from master.gerrit.port import Gerrit
from master.gerrit.reporter import GerritReporter
from schedulers.check import CheckScheduler
from schedulers.ports import PackagePlan, ReleasePlan

gerrit = Gerrit(SimpleNamespace(url=settings["url"], user="lockgate", label="Verified"))
gerrit.attach(Holder.client)
names = ("one", "two")

def factory(package):
    pipe = util.Interpolate(f"{pathlib.Path.cwd()}/%(prop:label)s-{package}")
    script = 'test -p "$0" || mkfifo "$0"; read -r status < "$0"; exit "$status"'
    return util.BuildFactory([steps.ShellCommand(command=["sh", "-c", script, pipe])])

BuildmasterConfig["buildbotURL"] = "http://ci/"
BuildmasterConfig["collapseRequests"] = False
BuildmasterConfig["workers"].append(worker.LocalWorker("local"))
BuildmasterConfig["builders"] += [
    util.BuilderConfig(f"check/main/{name}", workernames=["local"], factory=factory(name))
    for name in names
]
plan = ReleasePlan("main", "main", tuple(PackagePlan(name, (projects[0],)) for name in names))
BuildmasterConfig["schedulers"].append(
    CheckScheduler(name="check", gerrit=gerrit, gate_user="lockgate", releases=[plan])
)
packages = dict.fromkeys(names, SimpleNamespace(releases=["main"]))
BuildmasterConfig["services"] += [
    GerritReporter(gerrit=gerrit),
    cancel_superseded(SimpleNamespace(packages=packages)),
]
"""


class Checks:
    """A running master, and short words for what happens to its builds."""

    def __init__(self, master: BuildMaster, gerrit: Gerrit) -> None:
        self.master = master
        self._gerrit = gerrit

    def propose(self, text: str, *, again: Proposed | None = None) -> Proposed:
        """Push a patch set and wait until both its packages are being built."""
        change_id = None if again is None else again.change_id
        pushed = self._gerrit.propose(
            self.master.project, "change", {text: ""}, change_id=change_id
        )
        self.wait_for_builds(pushed, 2)
        return pushed

    def builds(self, change: Proposed) -> list[dict[str, Any]]:
        """Builds of a patch set, oldest first."""
        label = f"{change.number}.{change.patchset}"
        found = self.master.get("builds?property=label&order=buildid")["builds"]
        return [b for b in found if b["properties"].get("label", [None])[0] == label]

    def wait_for_builds(self, change: Proposed, count: int) -> None:
        """Wait until that many builds of a patch set have begun."""
        self.master.wait_for(lambda: len(self.builds(change)) >= count, f"{count} builds")

    def end(self, change: Proposed, **status: int) -> None:
        """Let the builds of these packages end, each with an exit status."""
        for package, number in status.items():
            pipe = self.master.folder / f"{change.number}.{change.patchset}-{package}"

            def told(pipe: Any = pipe, number: int = number) -> bool:
                try:
                    descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
                except OSError:  # nobody reads it yet
                    return False
                os.write(descriptor, f"{number}\n".encode())
                os.close(descriptor)
                return True

            self.master.wait_for(told, f"the build of {package}")

    def said(self, change: Proposed) -> list[str]:
        """What Lockgate has said on a change."""
        found = self._gerrit.ask(f"changes/{change.number}?o=MESSAGES&o=DETAILED_ACCOUNTS")
        own = [m for m in found["messages"] if m["author"]["username"] == "lockgate"]
        return [message["message"] for message in own]

    def wait_for_word(self, change: Proposed, count: int) -> str:
        """Wait until Lockgate has said that much, and answer the last of it."""
        self.master.wait_for(lambda: len(self.said(change)) >= count, f"{count} messages")
        *_, last = said = self.said(change)
        assert len(said) == count
        return last


@pytest.fixture(scope="module")
def checks(gerrit: Gerrit, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checks]:
    project = gerrit.project(name="team/checked")
    master = BuildMaster(tmp_path_factory.mktemp("master"), gerrit, project, _CHECKS)
    try:
        master.start()
        master.wait_until_streaming()
        yield Checks(master, gerrit)
    finally:
        master.stop()


def test_a_newer_patch_set_ends_the_check_of_the_older_one_in_silence(checks: Checks) -> None:
    older = checks.propose("older")
    newer = checks.propose("newer", again=older)

    def cancelled() -> bool:
        return [build["results"] for build in checks.builds(older)] == [CANCELLED, CANCELLED]

    checks.master.wait_for(cancelled, "the end of the older check")
    checks.end(newer, one=0, two=0)
    assert checks.wait_for_word(newer, 1).startswith("Patch Set 2: Verified+1\n\nCheck passed.")


def test_a_rebuilt_package_votes_with_the_others(checks: Checks) -> None:
    change = checks.propose("rebuilt")
    checks.end(change, one=0, two=1)
    assert checks.wait_for_word(change, 1).startswith("Patch Set 1: Verified-1\n\nCheck failed.")
    good = next(build for build in checks.builds(change) if build["results"] == 0)
    checks.master.control(f"builds/{good['buildid']}", "rebuild")
    checks.end(change, one=0)
    word = checks.wait_for_word(change, 2)
    assert "Check failed." in word
    assert "PASSED check/main/one" in word
    assert "FAILED check/main/two" in word


def test_a_check_stopped_by_hand_is_told_and_can_be_started_again(
    checks: Checks, gerrit: Gerrit
) -> None:
    change = checks.propose("stopped")
    for build in checks.builds(change):
        checks.master.control(f"builds/{build['buildid']}", "stop")
    word = checks.wait_for_word(change, 1)
    assert word.startswith("Patch Set 1:\n\nCheck was stopped by hand.")
    path = f"changes/{change.number}/revisions/current/review"
    gerrit.do("POST", path, {"message": "recheck"}, gerrit.people.maintainer)
    checks.wait_for_builds(change, 4)
    checks.end(change, one=0, two=0)
    assert checks.wait_for_word(change, 2).startswith("Patch Set 1: Verified+1\n\nCheck passed.")
