"""The gate's shell keeps its promises when Gerrit, workers or the master fail it."""

# Twisted's and Buildbot's test support have no types.
# mypy: disallow-untyped-calls=False

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.process.results import EXCEPTION, FAILURE, SUCCESS
from buildbot.test import fakedb
from buildbot.test.reactor import TestReactorMixin
from buildbot.test.util.scheduler import SchedulerMixin
from twisted.internet.defer import Deferred
from twisted.trial import unittest

from schedulers.gate import GateConfig, Job, Project, QueueKind
from schedulers.gate_shell.builds import AHEAD
from schedulers.gate_shell.scheduler import PAUSE, GateScheduler
from schedulers.gate_shell.work import BUILD, TEST
from schedulers.ports import PackagePlan, ReleasePlan
from tests.schedulers.fake_gerrit import FakeGerrit

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

RELEASE = ReleasePlan(
    "main",
    "main",
    (PackagePlan("one", ("one",)), PackagePlan("two", ("two", "two-packaging"))),
)
ATTEMPTS = 3
CONFIG = GateConfig(
    projects={
        "one": Project("main"),
        "two": Project("main", builds_with=("two-packaging",)),
        "two-packaging": Project("main", builds_with=("two",)),
    },
    queues={"main": QueueKind(per_branch=True)},
    jobs={
        "default": (
            Job(BUILD, inputs=("own", "builds_with")),
            Job(TEST, after=(BUILD,), inputs=("all",)),
        )
    },
    restart_on_tip_move=True,
    max_lost=ATTEMPTS,
)
CONFLICT = {"failure": {"reason": "file.c cannot be merged", "conflict": True}}
BROKEN = {"failure": {"reason": "no route to host", "infrastructure": True}}
REPOSITORY = {"path": "test/1", "format": "deb"}
GENERATION = {"generation": "1"}
# What the gate starts, by the first letters of its names.
STATE, RUN, PUBLISH = "s", "b", "p"


def story(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[[Any], Any]:
    """A test whose body is a coroutine, as trial wants it."""
    return lambda self: Deferred.fromCoroutine(test(self))


class GateShellTest(SchedulerMixin, TestReactorMixin, unittest.TestCase):
    """A gate of two packages, one of which comes from two projects."""

    def setUp(self) -> Any:
        self.setup_test_reactor()
        return Deferred.fromCoroutine(self._set_up())

    async def _set_up(self) -> None:
        await self.setUpScheduler()
        self.master.mq.verifyMessages = False  # it does not know all that Buildbot says
        self.gerrit = FakeGerrit()
        self.scheduler = self._new()
        await self.attachScheduler(self.scheduler, 1, 2, createBuilderDB=True)
        await self.master.db.insert_test_data([fakedb.Worker(id=1, name="w")])
        await self.master.startService()
        self.addCleanup(self.master.stopService)

    def _new(self) -> GateScheduler:
        return GateScheduler(
            name="gate-main", gerrit=self.gerrit, gate_user="gate", release=RELEASE, config=CONFIG
        )

    async def restart(self) -> None:
        """The master stops, and starts again with what is in its database."""
        await self.scheduler.disownServiceParent()
        self.scheduler = self._new()
        await self.scheduler.setServiceParent(self.master)

    # What happens

    async def reconcile(self) -> None:
        """Gerrit has been asked anew."""
        await self.gerrit.reconcile([])

    def passes(self, seconds: float = PAUSE) -> None:
        """Time does."""
        self.reactor.advance(seconds)

    async def ends(self, kind: str, result: int, **properties: Any) -> str:
        """The oldest of a kind that runs ends with these properties; answers its name."""
        buildset = next(one for one in await self._running() if _name(one)[0] == kind)
        for request in await self.master.db.buildrequests.getBuildRequests(bsid=buildset["bsid"]):
            number = request.buildrequestid
            build = fakedb.Build(
                id=number,
                number=number,
                buildrequestid=number,
                builderid=request.builderid,
                workerid=1,
                masterid=fakedb.FakeDBConnector.MASTER_ID,
            )
            await self.master.db.insert_test_data([build])
            for key, value in properties.items():
                await self.master.db.builds.setBuildProperty(number, key, value, "test")
        number = buildset["bsid"]
        await self.master.db.buildsets.completeBuildset(number, result)
        self.master.mq.callConsumer(("buildsets", str(number), "complete"), buildset)
        return _name(buildset)

    async def state_is_made(self, **tips: str) -> str:
        """The oldest state; all branches are at ``tip0`` unless it is said otherwise."""
        projects = {
            project: {"tip": tips.get(project.replace("-", "_"), "tip0"), "tree": "a tree"}
            for project in RELEASE.projects()
        }
        return await self.ends(STATE, SUCCESS, state={"projects": projects})

    async def is_built(self) -> str:
        """The oldest build makes its packages."""
        return await self.ends(RUN, SUCCESS, test_repository=REPOSITORY)

    async def is_ready(self, project: str = "one") -> None:
        """Change 7 is proposed, built and tested, and so merges if it may."""
        self.gerrit.propose(7, project)
        await self.reconcile()
        await self.state_is_made()
        await self.is_built()
        await self.ends(RUN, SUCCESS)

    # What is looked at

    async def kinds(self) -> str:
        """The kinds of what runs, oldest first."""
        return "".join(_name(one)[0] for one in await self._running())

    async def property_of(self, kind: str, key: str) -> Any:
        """What the oldest that runs was started with."""
        buildset = next(one for one in await self._running() if _name(one)[0] == kind)
        found = await self.master.data.get(("buildsets", buildset["bsid"], "properties"))
        return found[key][0]

    async def _running(self) -> list[dict[str, Any]]:
        found = await self.master.data.get(("buildsets",))
        return sorted((one for one in found if not one["complete"]), key=lambda one: one["bsid"])

    def votes(self) -> list[tuple[int, int]]:
        """All that were cast."""
        return [(number, vote) for number, _, vote in self.gerrit.said if vote is not None]

    def gerrit_was_missed(self) -> None:
        """It is in the log that Gerrit did not answer."""
        assert self.flushLoggedErrors(ConnectionError)

    # Stories

    @story
    async def test_a_change_is_built_tested_merged_and_published(self) -> None:
        self.gerrit.propose(7, "one")
        await self.reconcile()
        assert await self.kinds() == STATE
        await self.state_is_made()
        assert await self.kinds() == RUN
        await self.is_built()
        assert await self.property_of(RUN, "test_repository") == REPOSITORY
        await self.ends(RUN, SUCCESS)
        assert self.gerrit.submitted == [7]
        assert self.votes() == [(7, 2)]
        assert await self.kinds() == PUBLISH
        merged = await self.property_of(PUBLISH, "merged")
        assert merged == {"project": "one", "commit": "merge of 7", "tree": "a tree"}
        await self.ends(PUBLISH, SUCCESS, generation=GENERATION)
        assert self.scheduler.memory.publications == []

    @story
    async def test_what_gerrit_did_not_answer_is_asked_again(self) -> None:
        self.gerrit.propose(7, "one")
        await self.reconcile()
        self.gerrit.silent = True
        await self.state_is_made()
        assert await self.kinds() == ""
        self.gerrit_was_missed()
        self.gerrit.silent = False
        self.passes()
        assert await self.kinds() == RUN

    @story
    async def test_a_start_without_gerrit_only_delays(self) -> None:
        self.gerrit.propose(7, "one")
        await self.reconcile()
        await self.state_is_made()
        self.gerrit.silent = True
        await self.restart()
        await self.is_built()
        self.gerrit_was_missed()
        assert await self.kinds() == ""
        self.gerrit.silent = False
        self.passes()
        assert await self.kinds() == RUN

    @story
    async def test_a_merge_that_nobody_saw_is_published_and_not_made_again(self) -> None:
        self.gerrit.after_submit = self.gerrit.fall_silent
        await self.is_ready()
        assert self.gerrit.changes["7"].status == "merged"
        self.gerrit_was_missed()
        await self.restart()
        self.gerrit_was_missed()
        self.gerrit.silent = False
        await self.reconcile()
        assert self.gerrit.submitted == [7]
        assert self.votes() == [(7, 2)]
        assert await self.kinds() == PUBLISH
        assert await self.property_of(PUBLISH, "test_repository") == REPOSITORY

    @story
    async def test_a_conflict_is_the_authors(self) -> None:
        self.gerrit.propose(7, "one")
        await self.reconcile()
        await self.ends(STATE, FAILURE, **CONFLICT)
        assert self.votes() == [(7, -2)]
        assert "file.c cannot be merged" in self.gerrit.said[-1][1]

    @story
    async def test_a_state_that_broke_is_made_again_and_not_the_authors_fault(self) -> None:
        self.gerrit.propose(7, "one")
        await self.reconcile()
        await self.ends(STATE, EXCEPTION, **BROKEN)
        assert await self.kinds() == ""
        self.passes()
        assert await self.kinds() == STATE
        assert self.votes() == []

    @story
    async def test_a_state_that_always_breaks_leaves_the_approval(self) -> None:
        self.gerrit.propose(7, "one")
        await self.reconcile()
        for _ in range(ATTEMPTS):
            await self.ends(STATE, EXCEPTION, **BROKEN)
            self.passes()
        assert await self.kinds() == ""
        assert self.votes() == []
        assert "the infrastructure failed" in self.gerrit.said[-1][1]
        await self.reconcile()
        assert await self.kinds() == STATE

    @story
    async def test_a_build_that_broke_is_run_again(self) -> None:
        self.gerrit.propose(7, "one")
        await self.reconcile()
        await self.state_is_made()
        await self.ends(RUN, EXCEPTION, **BROKEN)
        assert await self.kinds() == ""
        self.passes()
        assert await self.kinds() == RUN

    @story
    async def test_a_restart_does_not_forget_what_was_to_be_tried_again(self) -> None:
        self.gerrit.propose(7, "one")
        await self.reconcile()
        await self.ends(STATE, EXCEPTION, **BROKEN)
        await self.restart()
        self.passes()
        assert await self.kinds() == STATE

    @story
    async def test_changes_of_another_branch_stay_out(self) -> None:
        self.gerrit.propose(7, "one", "stable")
        await self.gerrit.reconcile(["7"])
        assert await self.kinds() == ""

    @story
    async def test_a_push_to_the_packaging_stops_the_merge_of_the_source(self) -> None:
        self.gerrit.tips["two-packaging"] = "pushed"
        await self.is_ready("two")
        assert self.gerrit.submitted == []
        assert await self.kinds() == STATE
        await self.state_is_made(two_packaging="pushed")
        await self.is_built()
        await self.ends(RUN, SUCCESS)
        assert self.gerrit.submitted == [7]

    @story
    async def test_a_push_to_what_it_is_not_built_from_does_not(self) -> None:
        self.gerrit.tips["one"] = "pushed"
        await self.is_ready("two")
        assert self.gerrit.submitted == [7]

    @story
    async def test_what_is_pushed_right_after_a_merge_is_not_taken_for_it(self) -> None:
        self.gerrit.propose(7, "one")
        self.gerrit.propose(8, "one")
        await self.reconcile()
        await self.state_is_made()
        await self.state_is_made()
        self.gerrit.after_submit = lambda: self.gerrit.tips.update(one="pushed")
        for _ in range(2):
            await self.is_built()
        for _ in range(2):
            await self.ends(RUN, SUCCESS)
        assert self.gerrit.submitted == [7]

    @story
    async def test_a_refused_merge_is_told_and_others_go_on(self) -> None:
        self.gerrit.propose(8, "two")
        self.gerrit.refusal = "needs Code-Review"
        await self.is_ready()
        assert self.votes()[-1] == (7, -2)
        assert "needs Code-Review" in self.gerrit.said[-1][1]
        await self.state_is_made()  # with the refused one, so of no use
        assert await self.kinds() == STATE

    @story
    async def test_a_failure_is_explained_once(self) -> None:
        self.gerrit.propose(7, "one")
        await self.reconcile()
        await self.state_is_made()
        self.gerrit.silent = True
        failure = {"stage": "build-DEB", "reason": "hello.c:3 error", "url": "http://log"}
        await self.ends(RUN, FAILURE, failures=[failure])
        self.gerrit_was_missed()
        self.gerrit.silent = False
        await self.restart()
        await self.reconcile()
        assert self.votes() == [(7, -2)]
        text = self.gerrit.said[-1][1]
        assert "hello.c:3 error" in text
        assert "http://log" in text

    @story
    async def test_a_publish_that_broke_is_made_again_ever_more_slowly(self) -> None:
        await self.is_ready()
        for times in (1, 2, 4):
            await self.ends(PUBLISH, EXCEPTION, **BROKEN)
            self.passes(times * PAUSE - 1)
            assert await self.kinds() == ""
            self.passes(1)
            assert await self.kinds() == PUBLISH

    @story
    async def test_a_publish_is_done_with_its_generation_though_a_mirror_is_down(self) -> None:
        await self.is_ready()
        await self.ends(PUBLISH, EXCEPTION, generation=GENERATION)
        self.passes()
        assert await self.kinds() == ""
        assert self.scheduler.memory.publications == []

    @story
    async def test_what_cannot_be_published_is_told_and_still_built_with(self) -> None:
        await self.is_ready()
        reason = {"stage": "stage", "reason": "2.0 is there already"}
        await self.ends(PUBLISH, FAILURE, failure=reason)
        assert "2.0 is there already" in self.gerrit.said[-1][1]
        self.gerrit.propose(8, "one")
        await self.reconcile()
        await self.state_is_made(one="merge of 7")
        assert await self.property_of(RUN, AHEAD) == [REPOSITORY]


def _name(buildset: dict[str, Any]) -> str:
    return str(buildset["external_idstring"]).split(":")[1]
