"""Decides what Gerrit does with a change when it is submitted. Pure.

After "Submit Types" of Gerrit's manual (Documentation/project-configuration) and what Gerrit 3.13
does where that is silent: a change that is a merge commit is never picked, it is merged.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from workers.source.request import SubmitType

_MERGES = (SubmitType.MERGE_IF_NECESSARY, SubmitType.MERGE_ALWAYS)
_MAY_FAST_FORWARD = (
    SubmitType.MERGE_IF_NECESSARY,
    SubmitType.FAST_FORWARD_ONLY,
    SubmitType.REBASE_IF_NECESSARY,
)


class Act(enum.StrEnum):
    """What becomes of a branch when a change is submitted to it."""

    NOTHING = "already-merged"
    FAST_FORWARD = "fast-forward"
    MERGE = "merge"
    CHERRY_PICK = "cherry-pick"  # leaves the tip alone when nothing would change
    REBASE = "rebase"  # a pick that makes a commit in any case
    REFUSE_NO_FAST_FORWARD = "refuse-no-fast-forward"
    REFUSE_ROOT = "refuse-root"


@dataclass(frozen=True)
class Position:
    """Where a change stands to the tip it shall be submitted to."""

    merged: bool
    """The change is the tip or behind it."""
    ahead: bool
    """The tip is behind the change."""
    parents: int


def act_for(submit_type: SubmitType, position: Position) -> Act:
    """Say what Gerrit would do."""
    if position.merged:
        return Act.NOTHING
    if position.ahead and submit_type in _MAY_FAST_FORWARD:
        return Act.FAST_FORWARD
    if submit_type is SubmitType.FAST_FORWARD_ONLY:
        return Act.REFUSE_NO_FAST_FORWARD
    if submit_type in _MERGES:
        return Act.MERGE
    if position.parents == 0:
        return Act.REFUSE_ROOT
    if position.parents > 1:
        return Act.FAST_FORWARD if position.ahead else Act.MERGE
    return Act.CHERRY_PICK if submit_type is SubmitType.CHERRY_PICK else Act.REBASE
