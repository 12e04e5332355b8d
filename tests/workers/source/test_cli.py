"""The programs as a step calls them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from tests.workers.source.upstream import Upstream, request
from workers.outcome import BadRequest, InfrastructureFault
from workers.source.cli import source

if TYPE_CHECKING:
    from pathlib import Path


def answer(*arguments: str) -> dict[str, Any]:
    """Run a program; return what it prints, or raise what it raises."""
    done = CliRunner().invoke(source, arguments)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def tip(upstream: Upstream) -> str:
    first = upstream.commit({"a": "1\n"})
    return upstream.branch(upstream.commit({"a": "2\n"}, first))


def test_merge(upstream: Upstream, tip: str, tmp_path: Path) -> None:
    asked = tmp_path / "request.json"
    asked.write_text(json.dumps(request(upstream, tmp_path / "work", [])))
    made = answer("merge", "--request", str(asked))
    assert made["outcome"] == "success"
    assert made["projects"]["group/tool"]["commit"] == tip
    assert made["projects"]["group/tool"]["number"] == 2


def test_merged_compares_the_tip_or_a_commit_in_the_branch(
    upstream: Upstream, tip: str, tmp_path: Path
) -> None:
    tree = upstream.git("rev-parse", f"{tip}^{{tree}}")
    where = ("merged", "--url", upstream.url, "--branch", "main")
    same = {"outcome": "success", "commit": tip, "tree": tree, "same": True}
    assert answer(*where, "--expect-tree", tree) == same
    kept = ("--work", str(tmp_path / "work"))
    assert answer(*where, "--expect-tree", "0" * 40, *kept) == {**same, "same": False}
    upstream.branch(upstream.commit({"a": "3\n"}, tip))
    assert answer(*where, "--expect-tree", tree, "--commit", tip, *kept) == same
    assert answer(*where, "--expect-tree", tree, *kept)["same"] is False


def test_merged_refuses_a_commit_that_is_elsewhere(upstream: Upstream, tip: str) -> None:
    elsewhere = upstream.commit({"a": "x\n"}, tip)
    with pytest.raises(InfrastructureFault, match="is not in branch main"):
        answer(
            *("merged", "--url", upstream.url, "--branch", "main"),
            *("--expect-tree", "0" * 40, "--commit", elsewhere),
        )


def test_merged_refuses_bad_names(upstream: Upstream) -> None:
    for branch, tree in (("--all", "0" * 40), ("main", "HEAD")):
        with pytest.raises(BadRequest):
            answer(
                *("merged", "--url", upstream.url),
                *(f"--branch={branch}", f"--expect-tree={tree}"),
            )
