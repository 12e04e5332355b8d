"""A comment that both the stream and the reconciliation tell of is recorded once."""

# Twisted's and Buildbot's test support have no types.
# mypy: disallow-untyped-calls=False

from __future__ import annotations

from pathlib import Path
from typing import Any

from buildbot.test.fake import fakemaster
from buildbot.test.reactor import TestReactorMixin
from twisted.internet.defer import Deferred
from twisted.trial import unittest

from master.gerrit.events import GerritEvents

NOON = 1769860800


def comment(second: int, text: str = "recheck", *, reconciled: bool = False) -> dict[str, Any]:
    person = {"name": "Anna", "username": "anna"}
    event: dict[str, Any] = {
        "type": "comment-added",
        "author": person,
        "comment": f"Patch Set 1:\n\n{text}",
        "eventCreatedOn": NOON + second,
        "change": {
            "project": "p",
            "branch": "main",
            "number": 7,
            "subject": "s",
            "url": "http://gerrit/7",
            "owner": person,
        },
        "patchSet": {"number": 1, "revision": "a" * 40, "ref": "refs/changes/07/7/1"},
    }
    return event | {"reconciled": True} if reconciled else event


class CommentsTest(TestReactorMixin, unittest.TestCase):
    """One person speaks on one patch set."""

    def setUp(self) -> Any:
        self.setup_test_reactor()
        return Deferred.fromCoroutine(self._set_up())

    async def _set_up(self) -> None:
        master = await fakemaster.make_master(self, wantData=True, wantDb=True, wantMq=True)
        self.source = GerritEvents(
            name="events",
            gerritserver="gerrit",
            gerritport=29418,
            username="lockgate",
            identity_file=Path("key"),
            known_hosts=Path("known_hosts"),
            projects=["p"],
            url="http://gerrit",
        )
        await self.source.setServiceParent(master)
        await self.source.configureService()

    def test_whichever_comes_second_is_no_news(self) -> Any:
        async def story() -> None:
            assert await self.source.record(comment(10))
            assert not await self.source.record(comment(8, reconciled=True))
            assert await self.source.record(comment(30, "recheck it", reconciled=True))
            assert not await self.source.record(comment(31, "recheck it"))

        return Deferred.fromCoroutine(story())

    def test_what_the_stream_tells_twice_was_said_twice(self) -> Any:
        async def story() -> None:
            assert await self.source.record(comment(10))
            assert await self.source.record(comment(11))

        return Deferred.fromCoroutine(story())

    def test_the_same_words_much_later_are_news(self) -> Any:
        async def story() -> None:
            assert await self.source.record(comment(0))
            assert await self.source.record(comment(600, reconciled=True))

        return Deferred.fromCoroutine(story())
