"""What the gate says to authors. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schedulers.failure_text import failure_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schedulers.gate.actions import Announce, Report, Verdict

_REJECTED = -2
# Verdicts about the change itself take its vote away; after the others it may come back by itself.
_VOTES: dict[Verdict, int] = {
    "failure:tests": _REJECTED,
    "merge-conflict": _REJECTED,
    "merge-failure": _REJECTED,
    "no-jobs": _REJECTED,
}
_HEADINGS: dict[Verdict, str] = {
    "success": "Gate passed.",
    "failure:tests": "Gate failed.",
    "failure:needed-change": "Gate: taken out, because a change it needs is not going to merge.",
    "failure:missing-requirement": "Gate: taken out, because it may not be merged any more.",
    "failure:no-shared-queue": "Gate: not taken in.",
    "failure:cycle-forbidden": "Gate: not taken in.",
    "failure:cycle-not-mergeable": "Gate: taken out with its dependency cycle.",
    "failure:cycle-member-abandoned": "Gate: taken out with its dependency cycle.",
    "failure:queue-full": "Gate: not taken in, because it is full; vote again later.",
    "merge-conflict": "Gate: merge conflict. Rebase the change on its branch and upload it again.",
    "merge-failure": "Gate: tested well, but Gerrit refused to merge it.",
    "no-jobs": "Gate: there is nothing to test.",
    "dequeue": "Gate: taken out.",
    "infrastructure": "Gate: the infrastructure failed, not this change; it keeps its approval "
    "and will be tried again.",
}


def vote(verdict: Verdict) -> int | None:
    """The vote a verdict comes with; None leaves votes alone."""
    return _VOTES.get(verdict)


def announcement(action: Announce) -> str:
    """That a change is being tested, and on what."""
    if not action.ahead:
        return "Gate: testing it on the tip of its branch."
    return f"Gate: testing it on top of {', '.join(action.ahead)}."


def passed(changes: int) -> str:
    """That a change, or so many together, is about to be merged."""
    return "Gate passed. Merging it" + (f" with {changes - 1} others." if changes > 1 else ".")


def not_published(failures: Sequence[dict[str, Any]]) -> str:
    """That what has merged is not in the release repository, and why."""
    heading = "Merged, but it could not be published. It will be with the next version that can be."
    return "\n\n".join([heading, *failure_texts(failures)])


def report(action: Report, failures: Sequence[dict[str, Any]]) -> str:
    """How it ended, and why; ``failures`` are those of its failed builds."""
    reasons = [f"- {reason}" for reason in action.reasons if reason]
    return "\n\n".join([_HEADINGS[action.verdict], *reasons, *failure_texts(failures)])
