"""What was published is in use, also where the build that did it ended badly."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from buildbot.process.results import FAILURE, SUCCESS
from buildbot.test import fakedb
from buildbot.test.reactor import TestReactorMixin
from buildbot.test.steps import TestBuildStepMixin
from twisted.internet.defer import Deferred
from twisted.trial import unittest

from steps.in_use import IN_USE, FindInUse

if TYPE_CHECKING:
    from collections.abc import Iterator

_URL = "https://gate.example.org/artifacts"
_PUBLISHER, _GOES_BACK = "publish/main/hello", "rollback/main/deb"
_MOMENT = int(datetime(2026, 1, 2, tzinfo=UTC).timestamp())


class FindInUseTest(TestBuildStepMixin, TestReactorMixin, unittest.TestCase):
    """A package of which two versions stay listed."""

    def setUp(self) -> Any:
        self.setup_test_reactor()
        return self.setup_test_build_step(want_data=True, want_db=True)

    def test_the_newest_versions(self) -> Any:
        return self.looking([4, 3])

    def test_what_the_repository_went_back_to(self) -> Any:
        """The newest is what a rebuild is compared with."""
        forth = {"generation": "06", "added": [], "removed": _added(2)}
        back = {"generation": "07", "added": _added(2), "removed": _added(4, 3)}
        same = {"generation": "08", "added": [], "removed": []}
        return self.looking([4, 2, 1], forth, back, same)

    def looking(self, expected: list[int], *gone_back: dict[str, Any]) -> Any:
        return Deferred.fromCoroutine(self.look(expected, gone_back))

    async def look(self, expected: list[int], gone_back: tuple[dict[str, Any], ...]) -> None:
        await self.master.db.insert_test_data([*_rows(gone_back)])
        self.setup_step(FindInUse(_URL, [], {_PUBLISHER: _GOES_BACK}, keep=2))
        names = sorted(f"build-main-hello-{number}" for number in expected)
        self.expect_property(IN_USE, {"artifacts": names, "test_repositories": []}, "find-in-use")
        self.expect_outcome(result=SUCCESS)
        await self.run_step()


def _added(*versions: int) -> list[dict[str, str]]:
    return [{"name": "hello", "version": str(version)} for version in versions]


def _rows(gone_back: tuple[dict[str, Any], ...]) -> Iterator[Any]:
    """Four publishes and one that came to nothing; after the fourth a mirror was down."""
    yield fakedb.Master(id=1)
    yield fakedb.Worker(id=13, name="worker")
    yield fakedb.Builder(id=1, name=_PUBLISHER)
    yield fakedb.Builder(id=2, name=_GOES_BACK)
    for number in range(1, 6):
        yield from _build(number, 1, FAILURE if number > 3 else SUCCESS)
        artifacts = {"url": f"{_URL}/build-main-hello-{number}", "files": {}}
        yield fakedb.BuildProperty(buildid=number, name="artifacts", value=artifacts)
        if number < 5:
            made = {"generation": f"{number:02}", "added": _added(number), "removed": []}
            yield fakedb.BuildProperty(buildid=number, name="generation", value=made)
    for number, made in enumerate(gone_back, 6):
        yield from _build(number, 2, SUCCESS)
        yield fakedb.BuildProperty(buildid=number, name="generation", value=made)


def _build(number: int, builder: int, results: int) -> Iterator[Any]:
    yield fakedb.Buildset(id=number, complete=1)
    yield fakedb.BuildRequest(id=number, buildsetid=number, builderid=builder, complete=1)
    yield fakedb.Build(
        id=number,
        number=number,
        builderid=builder,
        buildrequestid=number,
        masterid=1,
        workerid=13,
        started_at=_MOMENT,
        complete_at=_MOMENT + 1,
        results=results,
    )
