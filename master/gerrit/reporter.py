"""Buildbot's reporter to Gerrit: the vote and the summary of the check pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from buildbot.process.results import CANCELLED, EXCEPTION, RETRY, SUCCESS, WARNINGS
from buildbot.reporters.base import ReporterBase
from buildbot.reporters.generators.buildset import BuildSetCombinedStatusGenerator
from buildbot.reporters.message import MessageFormatterFunctionRaw
from twisted.internet.defer import Deferred
from twisted.python import log

from master.gerrit.messages import PackageResult, check_message
from steps.program import FAILURE_PROPERTY
from steps.trigger import FAILURES_PROPERTY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from master.gerrit.port import Gerrit

_CHECK_SCHEDULER = "check"


class GerritReporter(ReporterBase):
    """Votes on a patch set when all its check builds have ended.

    A package that passed votes together with the others of the same patch set: the vote is the
    worst of their results.
    """

    name: ClassVar[str] = "GerritReporter"

    def checkConfig(self, gerrit: Gerrit) -> None:  # noqa: N802 - Buildbot's name
        """Use one report for each buildset."""
        del gerrit
        super().checkConfig(generators=[_generator()])

    def reconfigService(self, gerrit: Gerrit) -> Deferred[None]:  # noqa: N802 - Buildbot's name
        """Take over the Gerrit to report to."""
        self.gerrit = gerrit
        return super().reconfigService(generators=[_generator()])  # type: ignore[no-any-return]

    def sendMessage(self, reports: Sequence[dict[str, Any]]) -> Deferred[None]:  # noqa: N802
        """Send what a generator made of a finished buildset."""
        return Deferred.fromCoroutine(self._send(reports[0]))

    async def _send(self, report: dict[str, Any]) -> None:
        builds = report["builds"]
        if not builds or _value(builds[0], "scheduler") != _CHECK_SCHEDULER:
            return
        if any(build["results"] in (CANCELLED, RETRY) for build in builds):
            return  # superseded by a newer patch set, or still to be done
        results = [_result(build) for build in builds]
        change, patchset = _value(builds[0], "change"), _value(builds[0], "patchset")
        if all(result.passed for result in results):
            vote: int | None = 1
        elif all(result.passed or result.infrastructure for result in results):
            vote = None
        else:
            vote = -1
        try:
            await self.gerrit.vote(
                int(change), str(_value(builds[0], "revision")), check_message(results), vote
            )
        except Exception:  # noqa: BLE001 - whatever it was must be in the log, and nothing else
            log.err(None, f"reporting on change {change}, patch set {patchset}")


def _generator() -> BuildSetCombinedStatusGenerator:
    formatter = MessageFormatterFunctionRaw(lambda _master, _context: {"body": "", "type": "plain"})
    formatter.want_properties = True
    return BuildSetCombinedStatusGenerator(formatter)


def _result(build: dict[str, Any]) -> PackageResult:
    failures = _value(build, FAILURES_PROPERTY) or []
    own = _value(build, FAILURE_PROPERTY)
    if own is not None and not failures:
        failures = [own]
    passed = build["results"] in (SUCCESS, WARNINGS)
    infrastructure = build["results"] == EXCEPTION or (
        bool(failures) and all(failure.get("infrastructure") for failure in failures)
    )
    return PackageResult(
        builder=build["builder"]["name"],
        url=build["url"],
        passed=passed,
        infrastructure=not passed and infrastructure,
        failures=() if passed else tuple(failures),
        test_repository_url=_value(build, "test_repository_url"),
    )


def _value(build: dict[str, Any], name: str) -> Any:
    return build["properties"].get(name, (None, ""))[0]
