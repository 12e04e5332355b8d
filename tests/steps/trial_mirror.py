"""A sync tells its program what to do, and people what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from buildbot.process.results import SUCCESS
from buildbot.test.reactor import TestReactorMixin
from buildbot.test.steps import ExpectShell, TestBuildStepMixin
from twisted.trial import unittest

from steps.mirror import FULL, SyncMirror, did_something

_ANSWER = {
    "from": "20260102T030405.000000Z",
    "to": "20260102T030406.000000Z",
    "packages_added": 2,
    "packages_removed": 1,
    "bytes_sent": 38099,
    "sessions": 2,
}


class SyncMirrorTest(TestBuildStepMixin, TestReactorMixin, unittest.TestCase):
    """A mirror behind an rsync daemon."""

    def setUp(self) -> Any:
        self.setup_test_reactor()
        return self.setup_test_build_step()

    def sync(self, *more: str, **answer: int) -> None:
        repository = Path("/srv/release/main/deb")
        files = {"--password-file": Path("/etc/password"), "--known-hosts": None}
        to, url = "rsync://u@host/module/main/deb", "http://host/main/deb"
        self.setup_step(SyncMirror(repository, to, url, files))
        command = ["lockgate-worker", "mirror", "sync", "--repository", str(repository)]
        command += ["--to", to, "--url", url, "--password-file", "/etc/password"]
        self.expect_commands(
            ExpectShell(
                workdir="wkdir",
                command=[*command, "--report", "report", *more],
                timeout=7200,
                log_environ=False,
                interrupt_signal="TERM",
                sigterm_time=10,
            )
            .stdout(json.dumps({**_ANSWER, **answer}))
            .exit(0)
        )
        said = "2 packages added, 1 removed; 38099 bytes in {sessions} sessions"
        self.expect_outcome(SUCCESS, said.format(**{**_ANSWER, **answer}))

    def test_what_came_of_it_is_a_property_and_words(self) -> Any:
        self.sync()
        self.expect_property("sync", _ANSWER, "synchronise")
        return self.run_step()

    def test_every_byte_is_compared_when_the_build_says_so(self) -> Any:
        self.sync("--full")
        self.build.setProperty(FULL, value=True, source="Force Build Form")
        return self.run_step()

    def test_a_report_is_kept_of_those_that_did_something(self) -> Any:
        self.sync(sessions=0)
        return self.run_step().addCallback(self.nothing_was_done)

    def nothing_was_done(self, _: Any) -> None:
        assert not did_something(self.get_nth_step(0))
