"""Several approved changes at once: one breaks on another, one conflicts, one is let go."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from master.demo.processes import wait_until
from master.demo.watching import Buildbot, published, standing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from master.demo.people import Person
    from tests.end_to_end.conftest import Chain, Story

pytestmark = pytest.mark.timeout(1200)  # the first test may wait for the whole story
_SECONDS = 240  # for anything that is waited for
_HEADING = "GNU GENERAL PUBLIC LICENSE"


def test_what_is_good_merges_and_the_others_are_told_why(
    chain: Chain, story: Story, tmp_path: Path
) -> None:
    """All five pass alone; they are approved in this order, and form one queue."""
    author, reviewer = chain.ready.maintainer, chain.ready.reviewer
    license_text = author.read("tree", "LICENSE", tmp_path)
    spec = author.read("tree-packaging", "tree.spec", tmp_path)
    todo = author.read("tree", "TODO", tmp_path)

    def propose(project: str, message: str, edits: dict[str, str]) -> int:
        number, _ = author.propose(project, message, edits, tmp_path)
        return number

    guards = propose(
        "tree-packaging",
        "Insist on the license",
        {"tree.spec": spec.replace("%build\n", f"%build\ngrep -q '{_HEADING}' LICENSE\n")},
    )
    breaks = propose(
        "tree",
        "Shorten the license's heading",
        {"LICENSE": license_text.replace(_HEADING, "GPL")},
    )
    goes_on = propose("tree", "Plan one thing", {"TODO": f"One thing.\n{todo}"})
    conflicts = propose("tree", "Plan another thing", {"TODO": f"Another thing.\n{todo}"})
    let_go = propose("tree", "Plan nothing", {"TODO": f"{todo}\nNothing.\n"})
    changes = (guards, breaks, goes_on, conflicts, let_go)
    for change in changes:
        wait_until(partial(_passed_check, author, change), _SECONDS)
    for change in changes:
        reviewer.approve(change)
    wait_until(lambda: _said(author, let_go, "testing it"), _SECONDS)
    reviewer.do(
        "POST", f"changes/{let_go}/revisions/current/review", {"labels": {"Code-Review": 0}}
    )

    for change in (guards, goes_on):
        wait_until(_is(author, change, "MERGED", 2), _SECONDS)
    for change in (breaks, conflicts):
        wait_until(_is(author, change, "NEW", -2), _SECONDS)
    assert _said(author, breaks, "Gate failed.")
    assert _said(author, breaks, "build-RPM")
    assert _said(author, conflicts, "merge conflict")
    wait_until(lambda: _said(author, let_go, "it may not be merged any more"), _SECONDS)
    assert standing(author, let_go).status == "NEW"

    buildbot = Buildbot(chain.ready.web)
    for change in (guards, goes_on):
        wait_until(lambda: published(buildbot.builds_of(change), 1) is not None, _SECONDS)  # noqa: B023
        assert published(buildbot.builds_of(change), 1)


def _passed_check(author: Person, change: int) -> bool:
    return standing(author, change).verified == 1


def _is(author: Person, change: int, status: str, verified: int) -> Callable[[], bool]:
    def holds() -> bool:
        now = standing(author, change)
        return (now.status, now.verified) == (status, verified)

    return holds


def _said(author: Person, change: int, words: str) -> bool:
    return words in "\n".join(standing(author, change).messages)
