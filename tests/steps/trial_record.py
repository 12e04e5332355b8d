"""Nothing gets a record, and so nothing is published, that nobody merged."""

from __future__ import annotations

from typing import Any

from buildbot.process.results import FAILURE
from buildbot.test.reactor import TestReactorMixin
from buildbot.test.steps import TestBuildStepMixin
from twisted.trial import unittest

from steps.record import RECORD, MakeRecord

_CHANGE = {"number": 7, "patchset": 2, "ref": "refs/changes/07/7/2", "revision": "5" * 40}


class MakeRecordTest(TestBuildStepMixin, TestReactorMixin, unittest.TestCase):
    """A publish build that was started by other ways than the gate's and the form's."""

    def setUp(self) -> Any:
        self.setup_test_reactor()
        return self.setup_test_build_step()

    def refused(self, reason: str, changes: list[dict[str, Any]], **properties: Any) -> Any:
        self.setup_step(MakeRecord("check/main/hello"))
        project = {"name": "hello", "changes": changes}
        asked = {"merge_request": {"projects": [project]}, **properties}
        for name, value in asked.items():
            self.build.setProperty(name, value, "test")
        self.expect_outcome(result=FAILURE, state_string=f"{reason} (failure)")
        failure = {"stage": "make-record", "reason": reason, "detail": "", "infrastructure": False}
        self.expect_property("failure", failure, "make-record")
        self.expect_no_property(RECORD)
        return self.run_step()

    def test_an_open_change_is_refused(self) -> Any:
        return self.refused("change 7 has not been merged by the gate", [], change=7, patchset=2)

    def test_a_tip_with_a_change_on_it_is_refused(self) -> Any:
        return self.refused("built with changes that are not on the branch: 7", [_CHANGE])

    def test_a_merged_change_with_another_one_on_it_is_refused(self) -> Any:
        return self.refused(
            "built with changes that are not on the branch: 7",
            [_CHANGE],
            change=6,
            merged={"project": "hello", "commit": "1" * 40, "tree": "2" * 40},
        )
