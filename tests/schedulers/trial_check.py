"""What starts a check, and what does not."""

# Twisted's and Buildbot's test support have no types.
# mypy: disallow-untyped-calls=False

from __future__ import annotations

import json
from typing import Any

from buildbot.test import fakedb
from buildbot.test.reactor import TestReactorMixin
from buildbot.test.util.scheduler import SchedulerMixin
from twisted.internet.defer import Deferred
from twisted.trial import unittest

from schedulers.check import CheckScheduler, label_of
from schedulers.ports import PackagePlan, ReleasePlan
from schedulers.requests import PatchSet, ProjectSource

PLAN = ReleasePlan("stable", "main", (PackagePlan("one", ("a",)), PackagePlan("two", ("b",))))


def proposed(project: str, number: int) -> PatchSet:
    return PatchSet(project, "main", number, 3, "a" * 40)


class _Gerrit:
    """Answers about the projects that exist, and counts how often it is asked."""

    def __init__(self) -> None:
        self.silent: set[str] = set()
        self.asked = 0

    def watch_proposed(self, _master: Any, consumer: Any) -> Any:
        self.reconcile = consumer
        return lambda: None

    def change_url(self, number: int) -> str:
        return f"http://gerrit/{number}"

    async def source(self, project: str, branch: str) -> ProjectSource:
        self.asked += 1
        if project in self.silent:
            raise ConnectionError("Gerrit does not answer")
        return ProjectSource(
            project, f"http://gerrit/{project}", branch, "MERGE_ALWAYS", content_merge=True
        )


class _Check(CheckScheduler):
    """Only notes its buildsets; Buildbot's test support has no place for them."""

    async def addBuildsetForSourceStampsWithDefaults(  # noqa: N802 - Buildbot's name
        self, **settings: Any
    ) -> None:
        builders = ",".join(settings["builderNames"])
        await self.master.db.insert_test_data(
            [fakedb.Buildset(external_idstring=settings["external_idstring"], reason=builders)]
        )


class CheckSchedulerTest(SchedulerMixin, TestReactorMixin, unittest.TestCase):
    """Two projects, each with a package."""

    def setUp(self) -> Any:
        self.setup_test_reactor()
        return Deferred.fromCoroutine(self._set_up())

    async def _set_up(self) -> None:
        await self.setUpScheduler()
        self.gerrit = _Gerrit()
        self.scheduler = _Check(
            name="check", gerrit=self.gerrit, gate_user="lockgate", releases=[PLAN]
        )
        await self.attachScheduler(self.scheduler, 1, 2)
        await self.scheduler.configureService()
        await self.master.startService()
        self.addCleanup(self.master.stopService)

    async def comes(self, number: int, category: str, **more: str) -> None:
        about = {
            "event.change.branch": "main",
            "event.change.number": 7,
            "event.patchSet.number": 3,
            "event.patchSet.revision": "a" * 40,
        }
        about |= {f"event.{name.replace('_', '.')}": value for name, value in more.items()}
        rows = [fakedb.Change(changeid=number, project="a", category=category)]
        rows += [
            fakedb.ChangeProperty(
                changeid=number, property_name=name, property_value=json.dumps([value, "Change"])
            )
            for name, value in about.items()
        ]
        await self.master.db.insert_test_data(rows)
        await self.scheduler.gotChange(self.makeFakeChange(number=number), important=True)

    async def started(self) -> list[tuple[str, str]]:
        found = await self.master.data.get(("buildsets",))
        return [(buildset["external_idstring"], buildset["reason"]) for buildset in found]

    def test_a_patch_set_is_started_once_and_by_recheck_again(self) -> Any:
        async def story() -> None:
            await self.comes(20, "patchset-created")
            await self.comes(21, "patchset-created")
            await self.comes(22, "comment-added", comment="Patch Set 3:\n\nI recheck this")
            await self.comes(23, "comment-added", comment="Patch Set 3:\n\n(1 comment)\n\nrecheck")
            started = [("check:7.3", "check/stable/one"), ("recheck:23:7.3", "check/stable/one")]
            assert await self.started() == started

        return Deferred.fromCoroutine(story())

    def test_what_our_own_messages_quote_starts_nothing(self) -> Any:
        async def story() -> None:
            quoted = "Patch Set 3: Verified-1\n\nCheck failed.\n\nbuild: it fails\n recheck"
            await self.comes(20, "comment-added", comment=quoted, author_username="lockgate")
            assert await self.started() == []
            await self.comes(21, "comment-added", comment=quoted, author_username="somebody")
            assert await self.started() != []

        return Deferred.fromCoroutine(story())

    def test_one_project_that_cannot_be_asked_for_holds_up_no_other(self) -> Any:
        async def story() -> None:
            self.gerrit.silent = {"a"}
            await self.gerrit.reconcile([proposed("a", 7), proposed("b", 8)])
            assert await self.started() == [("check:8.3", "check/stable/two")]
            assert len(self.flushLoggedErrors(ConnectionError)) == 1
            self.gerrit.silent = set()
            await self.gerrit.reconcile([proposed("a", 7), proposed("b", 8)])
            assert ("check:7.3", "check/stable/one") in await self.started()

        return Deferred.fromCoroutine(story())

    def test_what_has_been_started_costs_gerrit_nothing(self) -> Any:
        async def story() -> None:
            await self.gerrit.reconcile([proposed("a", 7)])
            asked = self.gerrit.asked
            await self.gerrit.reconcile([proposed("a", 7)])
            assert self.gerrit.asked == asked

        return Deferred.fromCoroutine(story())


class LabelTest(unittest.TestCase):
    """Which buildsets are checks, and of what."""

    def test_the_patch_set_is_read_from_the_external_id(self) -> None:
        assert label_of("check:12.3") == "12.3"
        assert label_of("recheck:77:12.3") == "12.3"
        for other in (None, "", "publish:12", "gate-main:p12.3:publish/main/hello", "check:x"):
            assert label_of(other) is None
