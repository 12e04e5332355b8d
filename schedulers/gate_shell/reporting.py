"""Telling authors, once for each patch set and verdict, also when Gerrit is away for a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.python import log

from schedulers import ports
from schedulers.gate.actions import Report
from schedulers.gate_shell import words
from schedulers.gate_shell.work import failures_of

if TYPE_CHECKING:
    from schedulers.gate.actions import Action, Announce
    from schedulers.gate_shell.context import Context
    from schedulers.gate_shell.memory import Memory


def keep_reports(memory: Memory, actions: list[Action]) -> None:
    """Remember what authors are to be told, until they have been; of a success the merge tells."""
    memory.untold += [a for a in actions if isinstance(a, Report) and a.verdict != "success"]


async def tell(context: Context) -> None:
    """Tell all that has not been told. Raises what the port raises when Gerrit does not answer."""
    memory = context.memory
    while memory.untold:
        report = memory.untold[0]
        if not memory.is_told(report):
            await _tell(context, report)
        memory.has_told(report)
        await context.remember()


async def announce(context: Context, action: Announce, revision: str) -> None:
    """Say that the gate has begun with a change; not said again should Gerrit not hear it."""
    await context.gerrit.vote(int(action.change), revision, words.announcement(action), None)


async def _tell(context: Context, report: Report) -> None:
    failures: list[dict[str, Any]] = []
    for build in report.failed:
        started = context.memory.builds.get(build)
        if started is not None:
            failures += await failures_of(context.work, build, started.builders.values())
    facts = (await context.gerrit.facts_of([report.change]))[report.change]
    text = words.report(report, failures)
    # A vote on what the verdict is not about would be wrong.
    vote = words.vote(report.verdict) if facts.patchset == report.patchset else None
    try:
        await context.gerrit.vote(int(report.change), facts.revision, text, vote)
    except ports.Refused as error:
        log.msg(f"the author of change {report.change} cannot be told: {error}")
