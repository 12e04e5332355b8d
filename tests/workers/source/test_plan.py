"""What Gerrit does with a change, by submit type and position."""

from __future__ import annotations

import pytest

from workers.source.plan import Act, Position, act_for
from workers.source.request import SubmitType

ON_TIP = Position(merged=False, ahead=True, parents=1)
BESIDE = Position(merged=False, ahead=False, parents=1)


@pytest.mark.parametrize(
    ("submit_type", "on_tip", "beside"),
    [
        (SubmitType.MERGE_IF_NECESSARY, Act.FAST_FORWARD, Act.MERGE),
        (SubmitType.MERGE_ALWAYS, Act.MERGE, Act.MERGE),
        (SubmitType.FAST_FORWARD_ONLY, Act.FAST_FORWARD, Act.REFUSE_NO_FAST_FORWARD),
        (SubmitType.REBASE_IF_NECESSARY, Act.FAST_FORWARD, Act.REBASE),
        (SubmitType.REBASE_ALWAYS, Act.REBASE, Act.REBASE),
        (SubmitType.CHERRY_PICK, Act.CHERRY_PICK, Act.CHERRY_PICK),
    ],
)
def test_ordinary_change(submit_type: SubmitType, on_tip: Act, beside: Act) -> None:
    assert act_for(submit_type, ON_TIP) is on_tip
    assert act_for(submit_type, BESIDE) is beside


@pytest.mark.parametrize("submit_type", SubmitType)
def test_merged_change_needs_nothing(submit_type: SubmitType) -> None:
    position = Position(merged=True, ahead=False, parents=1)
    assert act_for(submit_type, position) is Act.NOTHING


@pytest.mark.parametrize(
    "submit_type",
    [SubmitType.CHERRY_PICK, SubmitType.REBASE_ALWAYS, SubmitType.REBASE_IF_NECESSARY],
)
def test_merge_commit_is_merged_and_root_commit_refused(submit_type: SubmitType) -> None:
    assert act_for(submit_type, Position(merged=False, ahead=True, parents=2)) is Act.FAST_FORWARD
    assert act_for(submit_type, Position(merged=False, ahead=False, parents=2)) is Act.MERGE
    assert act_for(submit_type, Position(merged=False, ahead=False, parents=0)) is Act.REFUSE_ROOT
