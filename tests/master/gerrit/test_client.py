"""The REST client against a real Gerrit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from master.gerrit.client import GerritClient, Patience
from master.gerrit.errors import (
    GerritConflict,
    GerritCredentialsRefused,
    GerritError,
    GerritNotFound,
    GerritRefused,
)
from master.gerrit.facts import change_facts
from tests.reactor_fixture import reactor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tests.gerrit_fixture import Gerrit
    from tests.reactor_fixture import Reactor


def fixed(password: str) -> Callable[[], Awaitable[str]]:
    async def answer() -> str:
        return password

    return answer


@pytest.fixture
def client(gerrit: Gerrit, in_reactor: Reactor) -> Iterator[GerritClient]:
    service = gerrit.people.service
    made = GerritClient(reactor, gerrit.url, service.name, fixed(service.password))
    yield made
    in_reactor.wait(made.close())


def test_it_knows_the_server_and_who_asks(client: GerritClient, in_reactor: Reactor) -> None:
    assert in_reactor.wait(client.version()).startswith("3.13.")
    assert in_reactor.wait(client.self_account()).username == "lockgate"


def test_a_change_is_told_with_all_that_decisions_need(
    gerrit: Gerrit, client: GerritClient, in_reactor: Reactor
) -> None:
    project = gerrit.project({"a/b": "one\n"}, name="team/nested")
    message = "Add c\n\nDepends-On: 1"
    pushed = gerrit.propose(project, message, {"a/c": "two\n"}, options=["topic=T", "hashtag=h"])
    change = in_reactor.wait(client.change(pushed.number))
    assert (change.project, change.branch, change.status) == (project, "main", "NEW")
    assert (change.topic, change.hashtags, change.owner.username) == ("T", ("h",), "maintainer")
    assert change.current_revision == pushed.revision
    assert change.current.number == 1
    facts = change_facts(change, label="Verified", url=gerrit.url)
    assert facts.missing == ("Code-Review",)
    assert [reference.number for reference in facts.depends_on] == [1]
    files = in_reactor.wait(client.files(pushed.number, pushed.revision))
    assert set(files) == {"/COMMIT_MSG", "a/c"}
    assert files["a/c"].status == "A"
    assert in_reactor.wait(client.mergeable(pushed.number)).mergeable


def test_branches_commits_and_project_settings_are_told(
    gerrit: Gerrit, client: GerritClient, in_reactor: Reactor
) -> None:
    project = gerrit.project(name="team/settings", submit_type="REBASE_IF_NECESSARY")
    tip = in_reactor.wait(client.branch_tip(project, "main"))
    commit = in_reactor.wait(client.commit(project, tip))
    assert (commit.commit, commit.subject) == (tip, "Import")
    config = in_reactor.wait(client.project_config(project))
    assert (config.submit_type, config.use_content_merge.value) == ("REBASE_IF_NECESSARY", True)
    with pytest.raises(GerritNotFound):
        in_reactor.wait(client.branch_tip(project, "other/branch"))


def test_a_search_finds_all_pages_and_keeps_to_its_limit(
    gerrit: Gerrit, client: GerritClient, in_reactor: Reactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = gerrit.project()
    pushed = [gerrit.propose(project, f"{n}", {f"f{n}": "x"}).number for n in range(5)]
    monkeypatch.setattr("master.gerrit.client._PAGE", 2)
    found = in_reactor.wait(client.query(f'project:"{project}"', options=()))
    assert sorted(change.number for change in found) == pushed
    assert len(in_reactor.wait(client.query(f'project:"{project}"', limit=3))) == 3
    assert in_reactor.wait(client.query(f'project:"{project}" status:merged')) == []
    with pytest.raises(GerritRefused, match="400"):
        in_reactor.wait(client.query("status:nonsense"))


def test_git_parents_are_related_changes(
    gerrit: Gerrit, client: GerritClient, in_reactor: Reactor
) -> None:
    project = gerrit.project()
    parent = gerrit.propose(project, "parent", {"a": "1"})
    child = gerrit.propose(project, "child", {"b": "1"}, on=parent.revision)
    gerrit.propose(project, "parent again", {"a": "2"}, change_id=parent.change_id)
    related = in_reactor.wait(client.related(child.number))
    change = in_reactor.wait(client.change(child.number))
    facts = change_facts(change, label="Verified", url=gerrit.url, related=related)
    ((number, patchset, current),) = [(p.number, p.patchset, p.current) for p in facts.parents]
    assert (number, patchset, current) == (parent.number, 1, False)


def test_a_review_votes_and_speaks_on_the_revision_it_names(
    gerrit: Gerrit, client: GerritClient, in_reactor: Reactor
) -> None:
    pushed = gerrit.propose(gerrit.project(), "change", {"a": "1"})
    in_reactor.wait(
        client.review(pushed.number, pushed.revision, message="It works.", labels={"Verified": 1})
    )
    change = in_reactor.wait(client.change(pushed.number, options=("DETAILED_LABELS", "MESSAGES")))
    assert {vote.value for vote in change.labels["Verified"].all} >= {1}
    assert change.messages[-1].message.endswith("It works.")
    assert change.messages[-1].tag == "autogenerated:lockgate"
    with pytest.raises(GerritNotFound):
        in_reactor.wait(client.review(pushed.number, "0" * 40, message="nowhere"))
    for vote in ({"No-Such-Label": 1}, {"Verified": 3}):
        with pytest.raises(GerritError, match="cannot be given the vote"):
            in_reactor.wait(client.review(pushed.number, pushed.revision, labels=vote))


def test_an_approved_change_is_submitted(
    gerrit: Gerrit, client: GerritClient, in_reactor: Reactor
) -> None:
    pushed = gerrit.propose(gerrit.project(), "change", {"a": "1"})
    with pytest.raises(GerritConflict, match=r"Verified|Code-Review"):
        in_reactor.wait(client.submit(pushed.number, pushed.revision))
    gerrit.approve(pushed)
    change = in_reactor.wait(client.change(pushed.number))
    assert change_facts(change, label="Verified", url=gerrit.url).approved
    assert not change.submittable
    in_reactor.wait(client.review(pushed.number, pushed.revision, labels={"Verified": 2}))
    merged = in_reactor.wait(client.submit(pushed.number, pushed.revision))
    assert merged.status == "MERGED"
    assert merged.current_revision == pushed.revision
    assert in_reactor.wait(client.branch_tip(pushed.project, "main")) == pushed.revision
    with pytest.raises(GerritConflict):
        in_reactor.wait(client.submit(pushed.number, pushed.revision))


def test_a_submit_by_rebase_answers_the_commit_that_merged(
    gerrit: Gerrit, client: GerritClient, in_reactor: Reactor
) -> None:
    pushed = gerrit.propose(gerrit.project(submit_type="REBASE_ALWAYS"), "change", {"a": "1"})
    gerrit.approve(pushed)
    gerrit.verify(pushed)
    merged = in_reactor.wait(client.submit(pushed.number, pushed.revision))
    tip = in_reactor.wait(client.branch_tip(pushed.project, "main"))
    assert merged.current_revision == tip != pushed.revision


def test_only_the_tested_revision_is_submitted(
    gerrit: Gerrit, client: GerritClient, in_reactor: Reactor
) -> None:
    tested = gerrit.propose(gerrit.project(), "change", {"a": "1"})
    newer = gerrit.propose(tested.project, "change", {"a": "2"}, change_id=tested.change_id)
    gerrit.approve(newer)
    gerrit.verify(newer)
    with pytest.raises(GerritConflict, match="not current"):
        in_reactor.wait(client.submit(tested.number, tested.revision))
    assert in_reactor.wait(client.change(tested.number)).status == "NEW"


def test_the_wrong_password_and_missing_rights_are_told_apart_from_the_rest(
    gerrit: Gerrit, client: GerritClient, in_reactor: Reactor
) -> None:
    stranger = GerritClient(reactor, gerrit.url, "lockgate", fixed("wrong-password"))
    with pytest.raises(GerritCredentialsRefused) as wrong:
        in_reactor.wait(stranger.self_account())
    assert wrong.value.status == 401
    assert "wrong-password" not in str(wrong.value)
    in_reactor.wait(stranger.close())
    pushed = gerrit.propose(gerrit.project(), "change", {"a": "1"})
    gerrit.approve(pushed)
    gerrit.verify(pushed)
    reviewer = gerrit.people.reviewer
    other = GerritClient(
        reactor, gerrit.url, reviewer.name, fixed(reviewer.password), Patience(attempts=1)
    )
    with pytest.raises(GerritCredentialsRefused) as forbidden:
        in_reactor.wait(other.submit(pushed.number, pushed.revision))
    assert forbidden.value.status == 403
    in_reactor.wait(other.close())
    with pytest.raises(GerritNotFound):
        in_reactor.wait(client.change(999999))
