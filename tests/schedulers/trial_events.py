"""No event is lost because Gerrit did not answer when it came."""

# Twisted's and Buildbot's test support have no types.
# mypy: disallow-untyped-calls=False

from __future__ import annotations

from typing import Any

from buildbot.test import fakedb
from buildbot.test.reactor import TestReactorMixin
from buildbot.test.util.scheduler import SchedulerMixin
from twisted.internet.defer import Deferred
from twisted.trial import unittest

from schedulers.events import EventScheduler
from schedulers.ports import NoSuchChange
from schedulers.requests import PatchSet

SILENCE = ConnectionError("Gerrit does not answer")
PROPOSED = PatchSet("project", "main", 1, 2, "a" * 40)


class _Gerrit:
    """Reconciles when a test says so."""

    def watch_proposed(self, _master: Any, consumer: Any) -> Any:
        self.reconcile = consumer
        return lambda: None


class _Scheduler(EventScheduler):
    def __init__(self, gerrit: Any, name: str) -> None:
        super().__init__(name=name, builderNames=["build"])
        self.gerrit = gerrit
        self.taken: list[int] = []
        self.reconciliations: list[list[PatchSet]] = []
        self.broken: dict[int, Exception] = {}

    def checkConfig(self, *args: Any, **kwargs: Any) -> None:  # noqa: N802
        kwargs.pop("gerrit", None)
        super().checkConfig(*args, **kwargs)

    async def take(self, change: Any) -> None:
        if change.number in self.broken:
            raise self.broken[change.number]
        self.taken.append(change.number)

    async def reconciled(self, proposed: list[PatchSet]) -> None:
        self.reconciliations.append(proposed)


class EventSchedulerTest(SchedulerMixin, TestReactorMixin, unittest.TestCase):
    """Events 7, 8 and 9 come; Gerrit fails for some of them."""

    def setUp(self) -> Any:
        self.setup_test_reactor()
        return Deferred.fromCoroutine(self._set_up())

    async def _set_up(self) -> None:
        await self.setUpScheduler()
        self.gerrit = _Gerrit()
        self.scheduler = _Scheduler(self.gerrit, "check")
        await self.attachScheduler(self.scheduler, 1, 2)
        await self.master.db.insert_test_data(
            [fakedb.Change(changeid=number) for number in (7, 8, 9)]
        )
        await self.master.startService()
        self.addCleanup(self.master.stopService)

    async def comes(self, number: int) -> None:
        change = self.makeFakeChange(number=number)
        await self.scheduler.gotChange(change, important=True)

    async def waiting(self) -> list[int]:
        return sorted(await self.master.db.schedulers.getChangeClassifications(2))

    def test_an_event_is_taken_once(self) -> Any:
        async def story() -> None:
            await self.comes(7)
            await self.comes(8)
            await self.gerrit.reconcile([PROPOSED])
            assert self.scheduler.taken == [7, 8]
            assert self.scheduler.reconciliations == [[PROPOSED]]

        return Deferred.fromCoroutine(story())

    def test_what_could_not_be_taken_is_taken_when_gerrit_answers(self) -> Any:
        async def story() -> None:
            self.scheduler.broken = {7: SILENCE, 8: SILENCE}
            await self.comes(7)
            await self.comes(8)
            assert self.scheduler.taken == []
            self.scheduler.broken = {}
            await self.gerrit.reconcile([])
            assert self.scheduler.taken == [7, 8]
            assert await self.waiting() == []
            assert len(self.flushLoggedErrors(ConnectionError)) == 2

        return Deferred.fromCoroutine(story())

    def test_it_is_kept_however_often_gerrit_goes_away_again(self) -> Any:
        async def story() -> None:
            self.scheduler.broken = {7: SILENCE}
            await self.comes(7)
            await self.gerrit.reconcile([])
            await self.gerrit.reconcile([])
            assert await self.waiting() == [7]
            assert len(self.flushLoggedErrors(ConnectionError)) == 3
            self.scheduler.broken = {}
            await self.gerrit.reconcile([])
            assert self.scheduler.taken == [7]

        return Deferred.fromCoroutine(story())

    def test_what_waits_holds_up_no_other(self) -> Any:
        async def story() -> None:
            self.scheduler.broken = {7: SILENCE}
            await self.comes(7)
            await self.comes(8)
            await self.gerrit.reconcile([])
            assert self.scheduler.taken == [8]
            assert await self.waiting() == [7]
            assert len(self.flushLoggedErrors(ConnectionError)) == 2

        return Deferred.fromCoroutine(story())

    def test_an_answer_that_it_can_never_be_taken_ends_it(self) -> Any:
        async def story() -> None:
            self.scheduler.broken = {7: NoSuchChange("there is no such project")}
            await self.comes(7)
            assert await self.waiting() == []

        return Deferred.fromCoroutine(story())
