"""Gerrit's events in a real Buildbot master, over real ssh; what is missed is found."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.master.gerrit.buildmaster import BuildMaster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from master.demo.people import Person
    from tests.gerrit_fixture import Gerrit, Proposed


@pytest.fixture
def project(gerrit: Gerrit) -> str:
    return gerrit.project(name="team/watched")


@pytest.fixture
def buildmaster(gerrit: Gerrit, project: str, tmp_path: Path) -> Iterator[BuildMaster]:
    made = BuildMaster(tmp_path, gerrit, project)
    try:
        yield made
    finally:
        made.stop()


def start_streaming(master: BuildMaster) -> None:
    """Start a master and wait until Gerrit streams to it."""
    master.start()
    master.wait_until_streaming()


def wait_for_revision(master: BuildMaster, revision: str) -> list[dict[str, Any]]:
    """Wait until a patch set is recorded; answers all that are."""

    def there() -> bool:
        return revision in [change["revision"] for change in master.changes("patchset-created")]

    master.wait_for(there, f"patch set {revision}")
    return master.changes("patchset-created")


def say(who: Person, gerrit: Gerrit, change: Proposed, **review: Any) -> None:
    gerrit.do("POST", f"changes/{change.number}/revisions/current/review", review, who)


def numbers(changes: list[dict[str, Any]]) -> list[int]:
    return [change["properties"]["event.change.number"] for change in changes]


def test_events_are_recorded_with_what_gerrit_tells(
    gerrit: Gerrit, project: str, buildmaster: BuildMaster
) -> None:
    start_streaming(buildmaster)
    elsewhere = gerrit.propose(gerrit.project(name="unwatched"), "not ours", {"a": "1"})
    pushed = gerrit.propose(project, "First\n\nDepends-On: 1", {"a": "1\n"}, options=["topic=T"])
    gerrit.do("PUT", f"changes/{pushed.number}/topic", {"topic": "U"})
    gerrit.do("POST", f"changes/{pushed.number}/wip", {})
    gerrit.do("POST", f"changes/{pushed.number}/ready", {})
    gerrit.do("POST", f"changes/{pushed.number}/abandon", {"message": "no"})
    gerrit.do("POST", f"changes/{pushed.number}/restore", {})
    gerrit.approve(pushed)
    gerrit.do("DELETE", f"changes/{pushed.number}/reviewers/reviewer/votes/Code-Review")
    gerrit.submit(pushed)
    buildmaster.wait_for_changes("change-merged", 1)

    (created,) = buildmaster.changes("patchset-created")
    assert created["project"] == project
    assert created["branch"] == f"refs/changes/{pushed.number % 100:02d}/{pushed.number}/1"
    assert created["revision"] == pushed.revision
    properties = created["properties"]
    assert properties["event.change.branch"] == "main"
    assert properties["event.patchSet.number"] == 1
    assert properties["event.patchSet.revision"] == pushed.revision
    assert properties["event.uploader.username"] == "maintainer"
    assert "Depends-On: 1" in properties["event.change.commitMessage"]
    assert "event.reconciled" not in properties

    voted = buildmaster.changes("comment-added")[0]["properties"]
    assert voted["event.author.username"] == "reviewer"
    new_votes = [vote for vote in voted["event.approvals"] if "oldValue" in vote]
    assert [(vote["type"], vote["value"]) for vote in new_votes] == [("Code-Review", "2")]
    (withdrawn,) = buildmaster.changes("vote-deleted")
    assert withdrawn["properties"]["event.approvals"][0]["value"] == "0"

    topics = [c["properties"]["event.change.topic"] for c in buildmaster.changes("topic-changed")]
    assert topics[-1] == "U"
    wip = [
        c["properties"].get("event.change.wip") for c in buildmaster.changes("wip-state-changed")
    ]
    assert wip == [True, None]
    assert numbers(buildmaster.changes("change-abandoned")) == [pushed.number]
    assert numbers(buildmaster.changes("change-restored")) == [pushed.number]

    (merged,) = buildmaster.changes("change-merged")
    assert (merged["branch"], merged["revision"]) == ("main", pushed.revision)
    assert merged["properties"]["event.submitter.username"] == "lockgate"
    (moved,) = buildmaster.changes("ref-updated")
    assert (moved["branch"], moved["revision"]) == ("main", pushed.revision)
    assert moved["properties"]["event.submitter.username"] == "lockgate"
    assert elsewhere.project not in {change["project"] for change in buildmaster.changes()}


def test_what_the_stream_told_is_not_recorded_again(
    gerrit: Gerrit, project: str, buildmaster: BuildMaster
) -> None:
    start_streaming(buildmaster)
    buildmaster.wait_for(buildmaster.reconciled, "a reconciliation")
    gerrit.submit(gerrit.propose(project, "first", {"a": "1"}))
    gerrit.push(project, {"b": "1"})
    gerrit.propose(project, "second", {"c": "1"})
    buildmaster.wait_for_changes("patchset-created", 2)
    recorded = buildmaster.changes()
    buildmaster.stop()
    runs = len(buildmaster.reconciled())
    buildmaster.start()
    buildmaster.wait_for(lambda: len(buildmaster.reconciled()) > runs, "a reconciliation")
    assert buildmaster.changes() == recorded
    kinds = [change["category"] for change in recorded]
    assert (kinds.count("ref-updated"), kinds.count("change-merged")) == (2, 1)


def test_what_happened_while_the_master_was_away_is_found_once(
    gerrit: Gerrit, project: str, buildmaster: BuildMaster
) -> None:
    before = gerrit.propose(project, "before", {"before": "1"})
    start_streaming(buildmaster)
    buildmaster.wait_for_changes("patchset-created", 1)
    buildmaster.wait_for(buildmaster.reconciled, "a reconciliation")
    buildmaster.stop()

    merged = gerrit.propose(project, "merged", {"merged": "1"})
    gerrit.submit(merged)
    opened = gerrit.propose(project, "opened", {"opened": "1"})
    first = gerrit.propose(project, "again", {"again": "1"})
    second = gerrit.propose(project, "again", {"again": "2"}, change_id=first.change_id)
    tip = gerrit.push(project, {"pushed": "1"})

    runs = len(buildmaster.reconciled())
    buildmaster.start()
    # It looks twice after a start; the second time must find nothing new.
    buildmaster.wait_for(lambda: len(buildmaster.reconciled()) >= runs + 2, "two reconciliations")
    created = buildmaster.changes("patchset-created")
    assert numbers(created) == [before.number, opened.number, second.number]
    assert [change["revision"] for change in created][1:] == [opened.revision, second.revision]
    assert all(change["properties"]["event.reconciled"] for change in created)
    assert created[1]["branch"] == f"refs/changes/{opened.number % 100:02d}/{opened.number}/1"
    assert created[1]["properties"]["event.uploader.username"] == "maintainer"
    assert created[1]["properties"]["event.change.branch"] == "main"
    (seen,) = buildmaster.changes("change-merged")
    assert (seen["revision"], seen["branch"]) == (merged.revision, "main")
    assert seen["properties"]["event.submitter.username"] == "lockgate"
    (moved,) = buildmaster.changes("ref-updated")
    assert (moved["revision"], moved["branch"]) == (tip, "main")
    # Pushed past review: nobody submitted it.
    assert "event.submitter.username" not in moved["properties"]
    assert buildmaster.reconciled()[-1] == {
        str(before.number): "NEW",
        str(opened.number): "NEW",
        str(second.number): "NEW",
        str(merged.number): "MERGED",
    }


def test_what_was_said_while_the_master_was_away_is_found_once(
    gerrit: Gerrit, project: str, buildmaster: BuildMaster
) -> None:
    pushed = gerrit.propose(project, "change", {"a": "1"})
    start_streaming(buildmaster)
    buildmaster.wait_for(buildmaster.reconciled, "a reconciliation")
    say(gerrit.people.maintainer, gerrit, pushed, message="seen")
    buildmaster.wait_for_changes("comment-added", 1)
    buildmaster.stop()

    on_patch_set = {"/PATCHSET_LEVEL": [{"message": "recheck\n\nplease", "unresolved": False}]}
    say(gerrit.people.maintainer, gerrit, pushed, message="recheck")
    say(gerrit.people.reviewer, gerrit, pushed, message="", comments=on_patch_set)
    say(gerrit.people.service, gerrit, pushed, message="by a program", tag="autogenerated:x")

    runs = len(buildmaster.reconciled())
    buildmaster.start()
    # It looks twice after a start; the second time must find nothing new.
    buildmaster.wait_for(lambda: len(buildmaster.reconciled()) >= runs + 2, "two reconciliations")
    said = [change["properties"] for change in buildmaster.changes("comment-added")]
    assert [about["event.comment"] for about in said] == [
        "Patch Set 1:\n\nseen",
        "Patch Set 1:\n\nrecheck",
        "Patch Set 1:\n\nrecheck\n\nplease",
    ]
    assert ["event.reconciled" in about for about in said] == [False, True, True]
    assert said[2]["event.author.username"] == "reviewer"


def test_a_change_pushed_while_the_connection_was_cut_is_found(
    gerrit: Gerrit, project: str, buildmaster: BuildMaster
) -> None:
    start_streaming(buildmaster)
    good = buildmaster.known_hosts.read_text()
    # As long as the key is not known the stream cannot come back.
    buildmaster.known_hosts.write_text("")
    ssh = buildmaster.streaming()
    assert ssh is not None
    os.kill(ssh, signal.SIGKILL)
    advice = "the host key it shows is not in"
    buildmaster.wait_for(lambda: advice in buildmaster.log(), "a refused host key")
    pushed = gerrit.propose(project, "unseen", {"a": "1"})
    gerrit.submit(pushed)
    missed = gerrit.propose(project, "unseen too", {"b": "1"})
    buildmaster.known_hosts.write_text(good)
    found = wait_for_revision(buildmaster, missed.revision)
    assert all(change["properties"]["event.reconciled"] for change in found)
    (merged,) = buildmaster.wait_for_changes("change-merged", 1)
    assert merged["revision"] == pushed.revision
    (moved,) = buildmaster.wait_for_changes("ref-updated", 1)
    assert moved["properties"]["event.submitter.username"] == "lockgate"
    buildmaster.wait_until_streaming()
    live = gerrit.propose(project, "seen again", {"c": "1"})
    found = wait_for_revision(buildmaster, live.revision)
    assert "event.reconciled" not in found[-1]["properties"]
    revisions = [change["revision"] for change in found]
    assert len(set(revisions)) == len(revisions)


def test_another_servers_host_key_is_refused_and_said_so(
    gerrit: Gerrit, project: str, buildmaster: BuildMaster
) -> None:
    key = "AAAAC3NzaC1lZDI1NTE5AAAAIJd4bVZFG1mXEbx8Wt1yNZKBDKy3R5LBQ0dEYO0GdwXk"
    address = f"[{gerrit.ssh_host}]:{gerrit.ssh_port}"
    buildmaster.known_hosts.write_text(f"{address} ssh-ed25519 {key}\n")
    buildmaster.start()
    buildmaster.wait_for(lambda: "host key it shows is not in" in buildmaster.log(), "the refusal")
    log = buildmaster.log()
    assert f"Gerrit at {gerrit.ssh_host}:{gerrit.ssh_port}: the host key" in log
    assert str(buildmaster.known_hosts) in log
    gerrit.propose(project, "unseen", {"a": "1"})
    # What REST tells is still found: the reconciliation does not depend on ssh.
    (created,) = buildmaster.wait_for_changes("patchset-created", 1)
    assert created["properties"]["event.reconciled"]
