"""What Lockgate says and votes on a Gerrit change after its check. Pure: from results to words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from buildbot.process.results import CANCELLED, EXCEPTION, SUCCESS, WARNINGS

from schedulers.failure_text import failure_texts
from steps.program import FAILURE_PROPERTY
from steps.trigger import FAILURES_PROPERTY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Outcome = Literal["passed", "failed", "stopped", "infrastructure"]

_HEADINGS: dict[Outcome, str] = {
    "passed": "Check passed.",
    "failed": "Check failed.",
    "stopped": 'Check was stopped by hand. Comment "recheck" to run it again.',
    "infrastructure": "Check could not be finished: the infrastructure failed, not this change. "
    'Comment "recheck" to run it again.',
}
_WORDS: dict[Outcome, str] = {
    "passed": "PASSED",
    "failed": "FAILED",
    "stopped": "STOPPED",
    "infrastructure": "NOT FINISHED",
}
# Only what is known about the change itself is a vote.
_VOTES: dict[Outcome, int | None] = {
    "passed": 1,
    "failed": -1,
    "stopped": None,
    "infrastructure": None,
}
_WORST_FIRST: tuple[Outcome, ...] = ("failed", "stopped", "infrastructure", "passed")


@dataclass(frozen=True)
class PackageResult:
    """How the check of one package came out."""

    builder: str
    url: str  # of the build's page, or of the request's if there was no build
    outcome: Outcome
    failures: tuple[Mapping[str, Any], ...] = ()
    test_repository_url: str | None = None


def package_result(
    builder: str, url: str, results: int, properties: Mapping[str, Any]
) -> PackageResult:
    """Judge a check build by Buildbot's result code and its properties.

    One failure that is the change's own fault is enough for a verdict, whatever else broke.
    """
    own = properties.get(FAILURE_PROPERTY)
    failures = properties.get(FAILURES_PROPERTY) or ([] if own is None else [own])
    faults = {failure.get("infrastructure") for failure in failures}
    outcome: Outcome
    if results in (SUCCESS, WARNINGS):
        outcome = "passed"
    elif False in faults:
        outcome = "failed"
    elif True in faults or results == EXCEPTION:
        outcome = "infrastructure"
    elif results == CANCELLED:
        outcome = "stopped"
    else:
        outcome = "failed"
    told = outcome in ("failed", "infrastructure")
    return PackageResult(
        builder,
        url,
        outcome,
        failures=tuple(failures) if told else (),
        test_repository_url=properties.get("test_repository_url"),
    )


def check_vote(results: Sequence[PackageResult]) -> int | None:
    """The vote of the check pipeline on one patch set; None for none."""
    return _VOTES[_worst(results)]


def check_message(results: Sequence[PackageResult]) -> str:
    """The verdict of the check pipeline on one patch set, with every build's address."""
    texts = iter(failure_texts([failure for result in results for failure in result.failures]))
    parts = [_HEADINGS[_worst(results)]]
    for result in results:
        parts.append(f"{_WORDS[result.outcome]} {result.builder}\n{result.url}")
        parts += islice(texts, len(result.failures))
        if result.test_repository_url:
            parts.append(f"Test repository: {result.test_repository_url}")
    return "\n\n".join(parts)


def is_report_of(message: str, results: Sequence[PackageResult]) -> bool:
    """Whether a message on the change is the report of exactly these builds, or of more."""
    lines = set(message.splitlines())
    return all(result.url in lines for result in results)


def _worst(results: Sequence[PackageResult]) -> Outcome:
    outcomes = {result.outcome for result in results}
    return next(outcome for outcome in _WORST_FIRST if outcome in outcomes)
