"""A state is made again where the branch has moved since."""

from __future__ import annotations

from schedulers.requests import ProjectSource, merge_request
from steps.source import made_again
from workers.source.request import MergeRequest

_TIP, _TREE = "1" * 40, "2" * 40


def test_a_state_is_made_again_on_its_own_tip() -> None:
    source = ProjectSource(
        "tree", "https://g.example.org/tree", "main", "MERGE_ALWAYS", content_merge=True
    )
    asked = merge_request([source], [])
    state = {"projects": {"tree": {"tip": _TIP, "commit": _TIP, "tree": _TREE, "number": 3}}}
    again = MergeRequest.model_validate({**made_again(asked, state), "work": "/w"})
    assert [project.tip for project in again.projects] == [_TIP]
    assert again.expect == {"tree": _TREE}
