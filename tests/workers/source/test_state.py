"""Speculative states made from real repositories."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.workers.source.upstream import Upstream, request
from workers.outcome import ChangeFault, InfrastructureFault
from workers.source.mirror import open_mirror
from workers.source.request import read_request
from workers.source.state import make_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    State = Callable[..., dict[str, Any]]

LINES = [f"line {number}\n" for number in range(20)]


def text(**changed: str) -> str:
    """Twenty lines, some of them (``l3="x"``) changed."""
    lines = list(LINES)
    for line, content in changed.items():
        lines[int(line[1:])] = f"{content}\n"
    return "".join(lines)


@pytest.fixture
def base(upstream: Upstream) -> str:
    return upstream.branch(upstream.commit({"a": text(), "b": "b\n"}))


@pytest.fixture
def moved(upstream: Upstream, base: str) -> str:
    """Return a tip that came after what changes are made on."""
    return upstream.branch(upstream.commit({"a": text(l1="tip"), "b": "b\n"}, base))


def test_no_change_is_the_tip(upstream: Upstream, base: str, state: State) -> None:
    made = state()
    assert made == {
        "tip": base,
        "commit": base,
        "tree": upstream.git("rev-parse", f"{base}^{{tree}}"),
        "number": 1,
        "merged": [],
    }


@pytest.mark.parametrize(
    "submit_type", ["MERGE_IF_NECESSARY", "FAST_FORWARD_ONLY", "REBASE_IF_NECESSARY"]
)
def test_change_on_tip_is_fast_forwarded(
    upstream: Upstream, base: str, state: State, submit_type: str
) -> None:
    change = upstream.propose(7, upstream.commit({"a": "new\n"}, base))
    made = state(change, submit_type=submit_type)
    assert made["commit"] == change["revision"]
    assert made["number"] == 2
    assert made["merged"] == [{"number": 7, "patchset": 1, "how": "fast-forward"}]


@pytest.mark.parametrize(
    ("submit_type", "how", "parents"),
    [
        ("MERGE_IF_NECESSARY", "merge", 2),
        ("MERGE_ALWAYS", "merge", 2),
        ("REBASE_IF_NECESSARY", "rebase", 1),
        ("REBASE_ALWAYS", "rebase", 1),
        ("CHERRY_PICK", "cherry-pick", 1),
    ],
)
def test_change_beside_tip(
    upstream: Upstream,
    base: str,
    moved: str,
    state: State,
    tmp_path: Path,
    submit_type: str,
    how: str,
    parents: int,
) -> None:
    change = upstream.propose(7, upstream.commit({"a": text(l15="mine"), "b": "b\n"}, base))
    made = state(change, submit_type=submit_type)
    assert made["tip"] == moved
    assert made["merged"][0]["how"] == how
    assert made["number"] == 3
    assert made["tree"] == upstream.tree(
        {"a": ("100644", text(l1="tip", l15="mine").encode()), "b": ("100644", b"b\n")}
    )
    with open_mirror(tmp_path / "work", upstream.url) as mirror:
        assert mirror.parents(made["commit"]) == [moved, change["revision"]][:parents]


@pytest.mark.parametrize("submit_type", ["MERGE_ALWAYS", "REBASE_ALWAYS", "CHERRY_PICK"])
def test_always_makes_a_commit_even_on_tip(
    upstream: Upstream, base: str, state: State, submit_type: str
) -> None:
    change = upstream.propose(7, upstream.commit({"a": "new\n"}, base))
    made = state(change, submit_type=submit_type)
    assert made["commit"] not in (base, change["revision"])
    assert made["tree"] == upstream.git("rev-parse", f"{change['revision']}^{{tree}}")


def test_fast_forward_only_refuses_change_beside_tip(
    upstream: Upstream, base: str, moved: str, state: State
) -> None:
    change = upstream.propose(7, upstream.commit({"a": text(), "b": "mine\n"}, base))
    with pytest.raises(ChangeFault, match=r"change 7 is not based on branch main .*: rebase it"):
        state(change, submit_type="FAST_FORWARD_ONLY")


def test_same_request_gives_same_commit_on_every_worker(
    upstream: Upstream, base: str, moved: str, tmp_path: Path
) -> None:
    change = upstream.propose(7, upstream.commit({"a": text(), "b": "mine\n"}, base))
    commits = {
        make_state(
            read_request(json.dumps(request(upstream, tmp_path / worker, [change], tip=moved)))
        )["projects"]["group/tool"]["commit"]
        for worker in ("one", "two")
    }
    assert len(commits) == 1


def test_changes_are_merged_in_order_upon_each_other(
    upstream: Upstream, base: str, state: State
) -> None:
    first = upstream.propose(7, upstream.commit({"a": text(l1="one"), "b": "b\n"}, base))
    second = upstream.propose(8, upstream.commit({"a": text(l15="two"), "b": "b\n"}, base))
    made = state(first, second)
    assert [change["how"] for change in made["merged"]] == ["fast-forward", "merge"]
    assert made["number"] == 3
    assert made["tree"] == upstream.tree(
        {"a": ("100644", text(l1="one", l15="two").encode()), "b": ("100644", b"b\n")}
    )


@pytest.mark.parametrize("submit_type", ["REBASE_ALWAYS", "CHERRY_PICK"])
def test_stacked_changes_are_picked_one_by_one(
    upstream: Upstream, base: str, moved: str, state: State, submit_type: str
) -> None:
    below = upstream.commit({"a": text(l15="one"), "b": "b\n"}, base)
    above = upstream.commit({"a": text(l15="one"), "b": "two\n"}, below)
    made = state(upstream.propose(7, below), upstream.propose(8, above), submit_type=submit_type)
    assert made["number"] == 4
    only_above = state(upstream.propose(8, above), submit_type=submit_type)
    assert only_above["tree"] == upstream.tree(
        {"a": ("100644", text(l1="tip").encode()), "b": ("100644", b"two\n")}
    )


def test_cherry_pick_of_what_is_there_changes_nothing(
    upstream: Upstream, base: str, moved: str, state: State
) -> None:
    change = upstream.propose(7, upstream.commit({"a": text(l1="tip"), "b": "b\n"}, base))
    made = state(change, submit_type="CHERRY_PICK")
    assert made["commit"] == moved
    assert made["merged"][0]["how"] == "already-merged"


def test_conflict_names_files_and_what_to_do(
    upstream: Upstream, base: str, moved: str, state: State
) -> None:
    change = upstream.propose(7, upstream.commit({"a": text(l1="mine"), "b": "b\n"}, base))
    with pytest.raises(ChangeFault) as caught:
        state(change)
    assert caught.value.reason == (
        "change 7 conflicts with branch main of group/tool in a: "
        "rebase it and upload a new patch set"
    )
    assert "git rebase FETCH_HEAD" in caught.value.detail
    assert caught.value.facts == {
        "conflict": {"project": "group/tool", "change": 7, "files": ["a"]}
    }


def test_conflict_with_a_change_ahead_names_it(upstream: Upstream, base: str, state: State) -> None:
    first = upstream.propose(7, upstream.commit({"a": text(l1="one"), "b": "b\n"}, base))
    second = upstream.propose(8, upstream.commit({"a": text(l1="two"), "b": "b\n"}, base))
    with pytest.raises(ChangeFault, match=r"change 8 conflicts .* the changes ahead \(7\) in a"):
        state(first, second)


def test_without_content_merge_a_file_changed_twice_is_a_conflict(
    upstream: Upstream, base: str, moved: str, state: State
) -> None:
    other_lines = upstream.propose(7, upstream.commit({"a": text(l15="mine"), "b": "b\n"}, base))
    other_file = upstream.propose(8, upstream.commit({"a": text(), "b": "mine\n"}, base))
    with pytest.raises(ChangeFault, match="in a: rebase"):
        state(other_lines, content_merge=False)
    assert state(other_file, content_merge=False)["merged"][0]["how"] == "merge"


def test_renames_are_not_followed_as_gerrit_does_not(
    upstream: Upstream, base: str, state: State
) -> None:
    upstream.branch(upstream.commit({"renamed": text(), "b": "b\n"}, base))
    change = upstream.propose(7, upstream.commit({"a": text(l15="mine"), "b": "b\n"}, base))
    with pytest.raises(ChangeFault, match="in a: rebase"):
        state(change)


@pytest.mark.parametrize(
    ("theirs", "mine", "conflicts"),
    [
        ({"d/x": "1\n"}, {"d": "2\n"}, ["d/x"]),  # a file where the other has a folder
        ({"d": "1\n"}, {"d/x": "2\n"}, ["d/x"]),
        ({"d": "1\n"}, {"d": "2\n"}, ["d"]),  # both new
        ({"d": "1\n"}, {"d": "1\n"}, []),  # both new and the same
        ({}, {"a": text(l3="mine")}, ["a"]),  # deleted and changed
        ({"b": "b\n"}, {"b/x": "mine\n", "a": text()}, []),  # a deleted on one side only
        ({"a": text()}, {"b/x": "mine\n", "a": text()}, []),  # b became a folder
    ],
)
def test_paths_added_removed_and_turned_into_folders(
    upstream: Upstream,
    base: str,
    state: State,
    theirs: dict[str, str],
    mine: dict[str, str],
    conflicts: list[str],
) -> None:
    upstream.branch(upstream.commit(theirs, base))
    change = upstream.propose(7, upstream.commit(mine, base))
    if conflicts:
        with pytest.raises(ChangeFault) as caught:
            state(change)
        assert caught.value.facts["conflict"]["files"] == conflicts
    else:
        state(change)


def test_binary_files_are_not_merged_by_content(upstream: Upstream, state: State) -> None:
    def binary(first: bytes, last: bytes) -> dict[str, tuple[str, bytes]]:
        return {"f": ("100644", first + b"\n" + bytes(100) + b"\n" + last)}

    base = upstream.commit(binary(b"a", b"z"))
    upstream.branch(upstream.commit(binary(b"b", b"z"), base))
    change = upstream.propose(7, upstream.commit(binary(b"a", b"y"), base))
    with pytest.raises(ChangeFault, match="in f: rebase"):
        state(change)


def test_modes_and_lines_merge_independently(upstream: Upstream, base: str, state: State) -> None:
    upstream.branch(upstream.commit({"a": ("100755", text().encode())}, base))
    change = upstream.propose(7, upstream.commit({"a": text(l3="mine"), "b": "b\n"}, base))
    assert state(change)["tree"] == upstream.tree({"a": ("100755", text(l3="mine").encode())})


def test_attributes_of_the_tree_have_no_say(upstream: Upstream, state: State) -> None:
    union = ("100644", b"* merge=union\n")
    base = upstream.commit({".gitattributes": union, "a": ("100644", text().encode())})
    tip = {".gitattributes": union, "a": ("100644", text(l1="tip").encode())}
    upstream.branch(upstream.commit(tip, base))
    mine = {".gitattributes": union, "a": ("100644", text(l1="mine").encode())}
    change = upstream.propose(7, upstream.commit(mine, base))
    with pytest.raises(ChangeFault, match="in a: rebase"):
        state(change)


def test_crosswise_histories(upstream: Upstream, base: str, state: State) -> None:
    one = upstream.commit({"a": text(l1="one"), "b": "b\n"}, base)
    two = upstream.commit({"a": text(l15="two"), "b": "b\n"}, base)
    both = {"a": text(l1="one", l15="two"), "b": "b\n"}
    upstream.branch(upstream.commit({**both, "c": "tip\n"}, one, two))
    change = upstream.propose(7, upstream.commit({**both, "d": "mine\n"}, two, one))
    assert state(change)["merged"][0]["how"] == "merge"
    with pytest.raises(ChangeFault, match="merged crosswise: rebase it"):
        state(change, content_merge=False)


def test_frozen_tip_is_used_although_the_branch_moved(
    upstream: Upstream, base: str, moved: str, state: State
) -> None:
    change = upstream.propose(7, upstream.commit({"a": text(), "b": "mine\n"}, base))
    made = state(change, tip=base)
    assert (made["tip"], made["commit"]) == (base, change["revision"])


def test_rewritten_branch_is_an_infrastructure_fault(
    upstream: Upstream, base: str, moved: str, state: State
) -> None:
    state()
    upstream.branch(base)
    with pytest.raises(InfrastructureFault, match=f"{moved} is no longer in branch main"):
        state(tip=moved)


def test_missing_revision_and_other_revision(upstream: Upstream, base: str, state: State) -> None:
    commit = upstream.commit({"a": "new\n"}, base)
    change = upstream.propose(7, commit)
    upstream.propose(7, base)
    with pytest.raises(InfrastructureFault, match=f"is {base}, not {commit} as was asked for"):
        state(change)
    upstream.git("update-ref", "-d", change["ref"])
    with pytest.raises(InfrastructureFault, match=f"cannot fetch .*{change['ref']}"):
        state(change)


def test_unreachable_server(tmp_path: Path) -> None:
    nowhere = Upstream(tmp_path / "other")
    nowhere.url = "http://127.0.0.1:9/tool"
    with pytest.raises(InfrastructureFault, match=r"cannot fetch from http://127.0.0.1:9/tool"):
        make_state(read_request(json.dumps(request(nowhere, tmp_path / "work", []))))


def test_expected_tree(upstream: Upstream, base: str, state: State) -> None:
    tree = state()["tree"]
    assert state(expect={"group/tool": tree})["tree"] == tree
    with pytest.raises(InfrastructureFault, match=f"gave tree {tree}, not {'0' * 40}"):
        state(expect={"group/tool": "0" * 40})


def test_locks_of_a_killed_git_are_removed(
    upstream: Upstream, base: str, state: State, tmp_path: Path
) -> None:
    state()
    (mirror,) = (tmp_path / "work").glob("*.git")
    for lock in ("packed-refs.lock", "refs/lockgate/heads/main.lock", "config.lock"):
        (mirror / lock).touch()
    new = upstream.branch(upstream.commit({"a": "new\n"}, base))
    assert state()["tip"] == new


def test_branch_that_gives_way_to_a_folder_of_branches(
    upstream: Upstream, base: str, state: State, tmp_path: Path
) -> None:
    for branch in ("x", "x/y"):
        upstream.branch(base, branch)
        asked = request(upstream, tmp_path / "work", [])
        asked["projects"][0]["branch"] = branch
        assert make_state(read_request(json.dumps(asked)))["projects"]["group/tool"]["tip"] == base
        upstream.git("update-ref", "-d", f"refs/heads/{branch}")


def test_hooks_and_configuration_of_the_machine_are_not_used(
    upstream: Upstream,
    base: str,
    state: State,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran = tmp_path / "ran"
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("reference-transaction", "post-index-change"):
        hook = hooks / name
        hook.write_text(f"#!/bin/sh\ntouch {ran}\n")
        hook.chmod(0o755)
    configuration = tmp_path / "gitconfig"
    configuration.write_text(f"[core]\n hooksPath = {hooks}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(configuration))
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    assert state()["tip"] == base
    assert not ran.exists()
