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


class _Gerrit:
    """Reconciles when a test says so."""

    def watch(self, _master: Any, consumer: Any) -> Any:
        self.reconcile = consumer
        return lambda: None


class _Scheduler(EventScheduler):
    def __init__(self, gerrit: Any, name: str) -> None:
        super().__init__(name=name, builderNames=["build"])
        self.gerrit = gerrit
        self.taken: list[int] = []
        self.reconciliations: list[list[str]] = []
        self.broken: set[int] = set()

    def checkConfig(self, *args: Any, **kwargs: Any) -> None:  # noqa: N802
        kwargs.pop("gerrit", None)
        super().checkConfig(*args, **kwargs)

    async def take(self, change: Any) -> None:
        if change.number in self.broken:
            raise ConnectionError("Gerrit does not answer")
        self.taken.append(change.number)

    async def reconciled(self, numbers: list[str]) -> None:
        self.reconciliations.append(numbers)


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

    def test_an_event_is_taken_once(self) -> Any:
        async def story() -> None:
            await self.comes(7)
            await self.comes(8)
            await self.gerrit.reconcile(["1"])
            assert self.scheduler.taken == [7, 8]
            assert self.scheduler.reconciliations == [["1"]]

        return Deferred.fromCoroutine(story())

    def test_what_could_not_be_taken_is_taken_when_gerrit_answers(self) -> Any:
        async def story() -> None:
            self.scheduler.broken = {7, 8}
            await self.comes(7)
            await self.comes(8)
            assert self.scheduler.taken == []
            self.scheduler.broken = set()
            await self.gerrit.reconcile([])
            assert self.scheduler.taken == [7, 8]
            assert len(self.flushLoggedErrors(ConnectionError)) == 2

        return Deferred.fromCoroutine(story())

    def test_it_is_kept_over_a_restart(self) -> Any:
        async def story() -> None:
            self.scheduler.broken = {7}
            await self.comes(7)
            self.flushLoggedErrors(ConnectionError)
            kept = await self.master.db.schedulers.getChangeClassifications(2)
            assert list(kept) == [7]

        return Deferred.fromCoroutine(story())

    def test_an_event_that_can_never_be_taken_holds_up_no_other(self) -> Any:
        async def story() -> None:
            self.scheduler.broken = {7}
            await self.comes(7)
            await self.gerrit.reconcile([])
            await self.comes(8)
            assert self.scheduler.taken == [8]
            assert len(self.flushLoggedErrors(ConnectionError)) == 2

        return Deferred.fromCoroutine(story())
