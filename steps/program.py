"""The base of every step that runs one of the worker's programs and reads its answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from buildbot.plugins import util
from buildbot.process import buildstep
from buildbot.process.results import EXCEPTION, FAILURE, SUCCESS, WARNINGS
from twisted.internet import defer

from workers.outcome import ExitStatus, read_answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from twisted.internet.defer import Deferred

FAILURE_PROPERTY = "failure"  # {"stage", "reason", "detail"} of the step that failed a build

_RESULTS = {
    ExitStatus.SUCCESS: SUCCESS,
    ExitStatus.CHANGE_FAULT: FAILURE,
    ExitStatus.BAD_REQUEST: FAILURE,
    # Buildbot's word for "not the change's fault": the gate tries such a build again.
    ExitStatus.INFRASTRUCTURE: EXCEPTION,
}


class WorkerProgram(buildstep.ShellMixin, buildstep.BuildStep):
    """Runs ``lockgate-worker PROGRAM ARGUMENTS`` and keeps what it answers.

    ``arguments`` may hold renderables. ``request``, when given, is rendered and handed over as
    JSON on standard input. On success the answer becomes the property ``answer`` names (if any)
    and :meth:`succeeded` is called with it; its ``warnings`` are shown. On failure the property
    ``failure`` says why.
    """

    renderables: ClassVar[Sequence[str]] = ["arguments", "request"]
    haltOnFailure = True  # noqa: N815 - Buildbot's name
    flunkOnFailure = True  # noqa: N815 - Buildbot's name
    warnOnWarnings = True  # noqa: N815 - Buildbot's name

    def __init__(
        self,
        program: Sequence[str],
        *,
        arguments: Any = (),
        request: Any = None,
        answer: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.program = list(program)
        self.arguments = arguments
        self.request = request
        self.answer = answer
        kwargs.setdefault("name", "-".join(program))
        # Time limits are the program's own, told apart in its answer; this one is a backstop
        # for a program that says nothing at all.
        kwargs.setdefault("timeout", 7200)
        kwargs.setdefault("logEnviron", False)
        # The program's sandbox dies with it; TERM first lets it remove what it made.
        kwargs.setdefault("interruptSignal", "TERM")
        kwargs.setdefault("sigtermTime", 10)
        kwargs = self.setupShellMixin(kwargs, prohibitArgs=["command", "initialStdin"])
        super().__init__(**kwargs)
        self._reason: str | None = None

    @defer.inlineCallbacks
    def run(self) -> Any:
        """Run the program; the result of the step follows its exit status."""
        command = yield self.makeRemoteShellCommand(
            collectStdout=True,
            command=["lockgate-worker", *self.program, *_flat(self.arguments)],
            initialStdin=None if self.request is None else json.dumps(self.request),
        )
        yield self.runCommand(command)
        answer = read_answer(command.stdout)
        if command.rc == ExitStatus.SUCCESS and answer is not None:
            if self.answer is not None:
                self.setProperty(self.answer, answer, self.name)
            yield defer.maybeDeferred(self.succeeded, answer)
            return (yield self._warned(answer.get("warnings", [])))
        if command.rc is None or command.rc < 0 or answer is None:
            answer = {"reason": f"{self.name}: the program ended without an answer"}
            result = EXCEPTION
        else:
            result = _RESULTS.get(command.rc, EXCEPTION)
        self._reason = str(answer.get("reason", "no reason given"))
        failure = {
            "stage": self.name,
            "reason": self._reason,
            "detail": str(answer.get("detail", "")),
            "infrastructure": result == EXCEPTION,
            **{key: answer[key] for key in ("conflict",) if key in answer},
        }
        self.setProperty(FAILURE_PROPERTY, failure, self.name)
        return result

    @defer.inlineCallbacks
    def _warned(self, warnings: list[str]) -> Any:
        """Show what an operator should know although all is well."""
        if not warnings:
            return SUCCESS
        self.descriptionDone = warnings[0]
        yield self.addCompleteLog("warnings", "\n".join(warnings) + "\n")
        return WARNINGS

    def succeeded(self, answer: dict[str, Any]) -> Deferred[None] | None:
        """What a step does with a good answer: properties, links. The default is nothing."""
        del answer
        return None

    def getResultSummary(self) -> dict[str, str]:  # noqa: N802 - Buildbot's name
        """Show the reason of a failure beside the step."""
        if self._reason is not None:
            return {"step": self._reason[:200]}
        return dict(super().getResultSummary())


def _flat(arguments: Iterable[Any]) -> list[str]:
    """Rendered arguments; one renderable may stand for several."""
    flat: list[str] = []
    for argument in arguments:
        flat += _flat(argument) if isinstance(argument, (list, tuple)) else [str(argument)]
    return flat


def limits_arguments(limits: Mapping[str, int]) -> list[str]:
    """Command line for the limits of a build or test, from the site file's numbers."""
    mebibyte = 1024 * 1024
    return [
        *("--timeout", str(limits["seconds"])),
        *("--memory", str(limits["memory_mib"] * mebibyte)),
        *("--disk", str(limits["disk_mib"] * mebibyte)),
        *("--processes", str(limits["processes"])),
        *("--log-limit", str(limits["log_mib"] * mebibyte)),
    ]


def property_or_none(name: str) -> Any:
    """Render a property, or None where a build has none of that name."""
    return util.Property(name, default=None)
