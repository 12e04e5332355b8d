"""Every step understands how a worker's program ended."""

from __future__ import annotations

import json
from typing import Any

from buildbot.plugins import util
from buildbot.process.results import EXCEPTION, FAILURE, SUCCESS
from buildbot.test.reactor import TestReactorMixin
from buildbot.test.steps import ExpectShell, TestBuildStepMixin
from twisted.trial import unittest

from steps.program import WorkerProgram
from workers.outcome import ExitStatus


class WorkerProgramTest(TestBuildStepMixin, TestReactorMixin, unittest.TestCase):
    """One program, ended in each way it can end."""

    def setUp(self) -> Any:
        self.setup_test_reactor()
        return self.setup_test_build_step()

    def program(self, stdout: str, status: int, **kwargs: Any) -> None:
        self.setup_step(WorkerProgram(["build", "deb"], arguments=["--out", "results"], **kwargs))
        self.expect_commands(
            ExpectShell(
                workdir="wkdir",
                command=["lockgate-worker", "build", "deb", "--out", "results"],
                timeout=7200,
                log_environ=False,
                interrupt_signal="TERM",
                sigterm_time=10,
            )
            .stdout(stdout)
            .exit(status)
        )

    def test_success_keeps_the_answer_as_a_property(self) -> Any:
        answer = {"outcome": "success", "packages": ["hello"]}
        self.program(json.dumps(answer) + "\n", ExitStatus.SUCCESS, answer="built")
        self.expect_outcome(result=SUCCESS)
        self.expect_property("built", answer, "build-deb")
        return self.run_step()

    def test_the_changes_fault_fails_with_the_reason(self) -> Any:
        answer = {"reason": "does not compile", "detail": "x.c:1: error"}
        self.program(json.dumps(answer), ExitStatus.CHANGE_FAULT)
        self.expect_outcome(result=FAILURE, state_string="does not compile")
        self.expect_property(
            "failure",
            {
                "stage": "build-deb",
                "reason": "does not compile",
                "detail": "x.c:1: error",
                "infrastructure": False,
            },
            "build-deb",
        )
        return self.run_step()

    def test_an_infrastructure_fault_is_no_verdict_on_the_change(self) -> Any:
        self.program(json.dumps({"reason": "disk is full"}), ExitStatus.INFRASTRUCTURE)
        self.expect_outcome(result=EXCEPTION, state_string="disk is full")
        return self.run_step()

    def test_a_program_without_an_answer_is_an_infrastructure_fault(self) -> Any:
        self.program("Killed\n", 137)
        self.expect_outcome(
            result=EXCEPTION,
            state_string="build-deb: the program ended without an answer",
        )
        return self.run_step()

    def test_success_without_an_answer_is_not_believed(self) -> Any:
        self.program("all went well\n", ExitStatus.SUCCESS)
        self.expect_outcome(result=EXCEPTION)
        return self.run_step()

    def test_the_request_reaches_the_program_as_json(self) -> Any:
        self.setup_step(
            WorkerProgram(
                ["source", "merge"], request={"label": util.Interpolate("%(prop:label)s")}
            )
        )
        self.build.setProperty("label", "12.3", "test")
        self.expect_commands(
            ExpectShell(
                workdir="wkdir",
                command=["lockgate-worker", "source", "merge"],
                initial_stdin=json.dumps({"label": "12.3"}),
                timeout=7200,
                log_environ=False,
                interrupt_signal="TERM",
                sigterm_time=10,
            )
            .stdout("{}")
            .exit(0)
        )
        self.expect_outcome(result=SUCCESS)
        return self.run_step()
