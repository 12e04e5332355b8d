"""What is reported when, whatever Gerrit and the master do meanwhile."""

# Twisted's and Buildbot's test support have no types.
# mypy: disallow-untyped-calls=False

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from buildbot.process.results import CANCELLED, EXCEPTION, FAILURE, SUCCESS
from buildbot.test import fakedb
from buildbot.test.fake import fakemaster
from buildbot.test.reactor import TestReactorMixin
from twisted.internet.defer import Deferred
from twisted.trial import unittest

from master.gerrit.errors import GerritNotFound, GerritUnreachable
from master.gerrit.models import ChangeInfo
from master.gerrit.reconcile import hand_on
from master.gerrit.reporter import GerritReporter
from schedulers.ports import Refused

REVISION = "a" * 40
BUILDERS = {"one": 51, "two": 52}


class _Gerrit:
    """Change 7 on its patch set 3, and what is said on it."""

    def __init__(self) -> None:
        self.settings = SimpleNamespace(user="lockgate")
        self.client = self
        self.status, self.patchset = "NEW", 3
        self.silent = self.gone = self.refuses = False
        self.said: list[tuple[str, str]] = []  # who, what
        self.votes: list[int | None] = []

    async def change(self, number: int, **_options: Any) -> ChangeInfo:
        if self.silent:
            raise GerritUnreachable("no answer")
        if self.gone:
            raise GerritNotFound(404, "gone", "GET it")
        messages = [
            {"id": "1", "message": f"Patch Set 3:\n\n{what}", "date": "", "author": {"username": w}}
            for w, what in self.said
        ]
        return ChangeInfo.model_validate(
            {
                "_number": number,
                "change_id": "I1",
                "project": "p",
                "branch": "main",
                "subject": "s",
                "status": self.status,
                "current_revision": REVISION,
                "revisions": {REVISION: {"_number": self.patchset, "ref": "refs/changes/07/7/3"}},
                "messages": messages,
            }
        )

    async def vote(self, number: int, revision: str, message: str, vote: int | None) -> None:
        assert (number, revision) == (7, REVISION)
        if self.refuses:
            raise Refused("lockgate may not vote")
        self.said.append(("lockgate", message))
        self.votes.append(vote)


class ReporterTest(TestReactorMixin, unittest.TestCase):
    """The checks of 7,3 come to an end in Buildbot's database."""

    def setUp(self) -> Any:
        self.setup_test_reactor()
        return Deferred.fromCoroutine(self._set_up())

    async def _set_up(self) -> None:
        self.master = await fakemaster.make_master(self, wantData=True, wantDb=True, wantMq=True)
        self.gerrit = _Gerrit()
        self.reporter = GerritReporter(gerrit=self.gerrit)
        await self.reporter.setServiceParent(self.master)
        await self.reporter.configureService()
        await self.master.startService()
        self.addCleanup(self.master.stopService)
        await self.master.db.insert_test_data(
            [
                fakedb.Master(id=92),
                fakedb.Worker(id=13, name="worker"),
                fakedb.SourceStamp(id=14),
                *(fakedb.Builder(id=n, name=f"check/main/{p}") for p, n in BUILDERS.items()),
            ]
        )
        self.numbers = iter(range(100, 200))
        self.now = 500  # before the first reconciliation

    async def check(
        self, identity: str = "check:7.3", *, rebuild: bool = False, **results: int | None
    ) -> int:
        """A buildset with these results by package; None is still running."""
        bsid = next(self.numbers)
        running = None in results.values()
        rows = [
            fakedb.BuildsetSourceStamp(buildsetid=bsid, sourcestampid=14),
            fakedb.Buildset(
                id=bsid,
                external_idstring=identity,
                rebuilt_buildid=1 if rebuild else None,
                complete=int(not running),
                complete_at=None if running else self.now,
            ),
        ]
        for package, result in results.items():
            request, builder = next(self.numbers), BUILDERS[package]
            ended = {"complete": int(result is not None), "results": result}
            rows += [
                fakedb.BuildRequest(id=request, buildsetid=bsid, builderid=builder, **ended),
                fakedb.Build(
                    id=request,
                    number=request,
                    masterid=92,
                    workerid=13,
                    builderid=builder,
                    buildrequestid=request,
                    results=result,
                ),
            ]
        await self.master.db.insert_test_data(rows)
        return bsid

    async def ends(self, identity: str = "check:7.3", **kwargs: Any) -> None:
        """A buildset ends and Buildbot says so."""
        bsid = await self.check(identity, **kwargs)
        key = ("buildsets", str(bsid), "complete")
        await self.reporter._got_event(key, {"bsid": bsid, "external_idstring": identity})

    async def reconcile(self) -> None:
        self.reactor.advance(1000)
        await hand_on(self.master, [])

    def story(self, coroutine: Any) -> Any:
        return Deferred.fromCoroutine(coroutine)

    def test_packages_vote_together(self) -> Any:
        async def story() -> None:
            await self.ends(one=SUCCESS, two=FAILURE)
            assert self.gerrit.votes == [-1]
            ((_, message),) = self.gerrit.said
            assert "PASSED check/main/one" in message
            assert "FAILED check/main/two" in message

        return self.story(story())

    def test_other_pipelines_are_not_reported(self) -> Any:
        async def story() -> None:
            await self.ends("gate-main:b7:gate/main/one", one=SUCCESS)
            await self.ends("publish:7.3", one=SUCCESS)
            assert self.gerrit.said == []

        return self.story(story())

    def test_a_rebuild_counts_with_the_newest_results_of_the_others(self) -> Any:
        async def story() -> None:
            await self.ends(one=SUCCESS, two=FAILURE)
            await self.ends(one=SUCCESS, rebuild=True)
            await self.ends(two=SUCCESS, rebuild=True)
            await self.ends("recheck:21:7.3", one=FAILURE)
            assert self.gerrit.votes == [-1, -1, 1, -1]
            # Started anew without it, the package that is no more has no say.
            assert "check/main/two" not in self.gerrit.said[-1][1]

        return self.story(story())

    def test_nothing_is_said_while_something_is_still_to_come(self) -> Any:
        async def story() -> None:
            await self.check("recheck:21:7.3", one=None, two=SUCCESS)
            await self.ends(one=SUCCESS, two=SUCCESS, rebuild=True)
            assert self.gerrit.votes == [1]
            await self.check("recheck:22:7.3", one=None, two=None)
            await self.ends(one=CANCELLED, rebuild=True)
            await self.reconcile()
            assert self.gerrit.votes == [1]

        return self.story(story())

    def test_what_gerrit_did_not_hear_is_said_once_it_answers(self) -> Any:
        async def story() -> None:
            self.gerrit.silent = True
            await self.ends(one=FAILURE)
            await self.reconcile()
            assert self.gerrit.votes == []
            self.gerrit.silent = False
            await self.reconcile()
            assert self.gerrit.votes == [-1]
            await self.reconcile()
            assert self.gerrit.votes == [-1]

        return self.story(story())

    def test_a_vote_that_is_refused_is_given_when_it_is_allowed(self) -> Any:
        async def story() -> None:
            self.gerrit.refuses = True
            await self.ends(one=FAILURE)
            await self.reconcile()
            self.gerrit.refuses = False
            await self.reconcile()
            assert self.gerrit.votes == [-1]

        return self.story(story())

    def test_what_ended_when_no_master_ran_is_reported(self) -> Any:
        async def story() -> None:
            await self.check(one=SUCCESS)
            await self.reconcile()
            await self.reconcile()
            assert self.gerrit.votes == [1]

        return self.story(story())

    def test_builds_that_ended_without_their_buildset_are_reported(self) -> Any:
        async def story() -> None:
            bsid = await self.check(one=SUCCESS)
            table = self.master.db.model.buildsets
            unfinished = table.update().where(table.c.id == bsid).values(complete=0)
            await self.master.db.pool.do_with_transaction(
                lambda connection: connection.execute(unfinished).close()
            )
            await self.reconcile()
            assert self.gerrit.votes == [1]

        return self.story(story())

    def test_a_broken_infrastructure_is_told_once_without_a_vote(self) -> Any:
        async def story() -> None:
            await self.ends(one=EXCEPTION)
            await self.reconcile()
            assert self.gerrit.votes == [None]
            assert "the infrastructure failed" in self.gerrit.said[0][1]

        return self.story(story())

    def test_a_check_stopped_by_hand_says_so(self) -> Any:
        async def story() -> None:
            await self.ends(one=CANCELLED, two=SUCCESS)
            assert self.gerrit.votes == [None]
            assert 'Comment "recheck"' in self.gerrit.said[0][1]

        return self.story(story())

    def test_a_superseded_check_stays_silent(self) -> Any:
        async def story() -> None:
            self.gerrit.patchset = 4
            await self.ends(one=CANCELLED)
            await self.reconcile()
            assert self.gerrit.said == []

        return self.story(story())

    def test_an_abandoned_change_is_told_when_it_is_restored(self) -> Any:
        async def story() -> None:
            self.gerrit.status = "ABANDONED"
            await self.ends(one=SUCCESS)
            await self.reconcile()
            await self.reconcile()
            assert self.gerrit.said == []
            self.gerrit.status = "NEW"
            await self.reconcile()
            assert self.gerrit.votes == [1]

        return self.story(story())

    def test_a_merged_or_deleted_change_is_left_alone(self) -> Any:
        async def story() -> None:
            self.gerrit.status = "MERGED"
            await self.ends(one=FAILURE)
            self.gerrit.status, self.gerrit.gone = "NEW", True
            await self.reconcile()
            self.gerrit.gone = False
            await self.reconcile()
            assert self.gerrit.said == []

        return self.story(story())

    def test_nobody_else_can_pretend_that_it_was_reported(self) -> Any:
        async def story() -> None:
            await self.ends(one=FAILURE)
            ((_, message),) = self.gerrit.said
            self.gerrit.said = [("somebody", message)]
            await self.reconcile()
            assert self.gerrit.votes == [-1, -1]

        return self.story(story())
