"""A signature is made for those who wait for it, all the way up to a publish build."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from buildbot.process.results import FAILURE, SUCCESS, WARNINGS
from buildbot.test import fakedb
from buildbot.test.reactor import TestReactorMixin
from buildbot.test.steps import ExpectShell, TestBuildStepMixin
from twisted.internet import defer
from twisted.trial import unittest

from steps.signing import REQUESTER, CheckKeys, CheckRequester
from workers.outcome import ExitStatus

_CHAIN = [("release/main/deb",), ("publish/main/hello", "refresh/main/deb")]


@dataclass(frozen=True)
class _Build:
    """One of the builds that lead to a signature."""

    builder: str
    waited_for: bool = True
    complete: bool = False


_PUBLISH = _Build("publish/main/hello", waited_for=False)
_RELEASE = _Build("release/main/deb")
_SIGN = _Build("sign/main/deb")


@dataclass(frozen=True)
class _Request:
    """As much of Buildbot's own as the step looks at."""

    id: int


class CheckRequesterTest(TestBuildStepMixin, TestReactorMixin, unittest.TestCase):
    """A build of the signer, and the builds above it, as Buildbot's database has them."""

    def setUp(self) -> Any:
        self.setup_test_reactor()
        return self.setup_test_build_step(want_data=True, want_db=True)

    @defer.inlineCallbacks
    def checked(self, *builds: _Build) -> Any:
        """Let the last of some builds, each triggered by the one before, ask."""
        rows: list[Any] = [fakedb.Worker(id=1, name="signer-1")]
        for number, build in enumerate(builds, start=1):
            rows += [
                fakedb.Builder(id=number, name=build.builder),
                fakedb.Buildset(id=number, parent_buildid=number - 1 or None),
                fakedb.BuildRequest(
                    id=number, buildsetid=number, builderid=number, waited_for=build.waited_for
                ),
                fakedb.Build(
                    id=number,
                    number=10 + number,
                    buildrequestid=number,
                    builderid=number,
                    workerid=1,
                    masterid=fakedb.FakeDBConnector.MASTER_ID,
                    complete_at=1304262223 if build.complete else None,
                ),
            ]
        yield self.master.db.insert_test_data(rows)
        self.setup_step(CheckRequester(_CHAIN))
        self.build.requests = [_Request(len(builds))]

    @defer.inlineCallbacks
    def refused(self, asked: str, *builds: _Build) -> Any:
        yield self.checked(*builds)
        reason = f"no running build that may ask for it waits for {asked}: nothing is signed"
        self.expect_outcome(result=FAILURE, state_string=f"{reason} (failure)")
        failure = {
            "stage": "check-requester",
            "reason": reason,
            "detail": "",
            "infrastructure": False,
        }
        self.expect_property("failure", failure, "check-requester")
        self.expect_no_property(REQUESTER)
        yield self.run_step()

    @defer.inlineCallbacks
    def test_a_publish_build_that_waits_gets_it(self) -> Any:
        yield self.checked(_PUBLISH, _RELEASE, _SIGN)
        self.expect_outcome(result=SUCCESS, state_string="release/main/deb/12")
        requester = "release/main/deb/12 for publish/main/hello/11"
        self.expect_property(REQUESTER, requester, "check-requester")
        yield self.run_step()

    def test_one_started_by_hand_is_refused(self) -> Any:
        return self.refused("this build", _Build("sign/main/deb", waited_for=False))

    def test_one_built_again_is_refused_while_its_first_requester_runs(self) -> Any:
        again = _Build("sign/main/deb", waited_for=False)
        return self.refused("this build", _PUBLISH, _RELEASE, again)

    def test_a_requester_that_has_ended_is_refused(self) -> Any:
        ended = _Build("release/main/deb", complete=True)
        return self.refused("this build", _PUBLISH, ended, _SIGN)

    def test_a_stranger_is_refused(self) -> Any:
        return self.refused("this build", _PUBLISH, _Build("check/main/hello"), _SIGN)

    def test_a_release_build_that_nobody_asked_for_is_refused(self) -> Any:
        by_hand = _Build("release/main/deb", waited_for=False)
        return self.refused("release/main/deb/11", by_hand, _SIGN)

    def test_a_release_build_that_was_built_again_is_refused(self) -> Any:
        again = _Build("release/main/deb", waited_for=False)
        return self.refused("release/main/deb/12", _PUBLISH, again, _SIGN)

    def test_a_release_build_for_a_publish_that_has_ended_is_refused(self) -> Any:
        ended = _Build("publish/main/hello", waited_for=False, complete=True)
        return self.refused("release/main/deb/12", ended, _RELEASE, _SIGN)

    def test_a_publish_build_of_another_release_is_refused(self) -> Any:
        other = _Build("publish/next/hello", waited_for=False)
        return self.refused("release/main/deb/12", other, _RELEASE, _SIGN)


class CheckKeysTest(TestBuildStepMixin, TestReactorMixin, unittest.TestCase):
    """The keys of a repository, at night."""

    def setUp(self) -> Any:
        self.setup_test_reactor()
        return self.setup_test_build_step()

    def looked_at(self, answer: dict[str, Any], status: ExitStatus) -> None:
        self.setup_step(CheckKeys("main/deb", Path("/keys"), ["NEW", "OLD"], ["OLDEST"]))
        keys = ["--key", "NEW", "--key", "OLD", "--trusted", "OLDEST"]
        self.expect_commands(
            ExpectShell(
                workdir="wkdir",
                command=[
                    *("lockgate-worker", "sign", "keys", "check", "--home", "/keys"),
                    *("--repository", "main/deb", *keys),
                ],
                timeout=7200,
                log_environ=False,
                interrupt_signal="TERM",
                sigterm_time=10,
            )
            .stdout(json.dumps(answer))
            .exit(status)
        )

    def test_one_that_expires_soon_is_a_warning(self) -> Any:
        told = "key OLD expires in 44 days"
        self.looked_at({"outcome": "success", "warnings": [told]}, ExitStatus.SUCCESS)
        self.expect_outcome(result=WARNINGS, state_string=f"{told} (warnings)")
        self.expect_log_file("warnings", f"{told}\n")
        return self.run_step()

    def test_one_that_has_expired_fails(self) -> Any:
        reason = "key OLD has expired; nothing goes unsigned"
        self.looked_at({"outcome": "bad-request", "reason": reason}, ExitStatus.BAD_REQUEST)
        self.expect_outcome(result=FAILURE, state_string=reason)
        return self.run_step()
