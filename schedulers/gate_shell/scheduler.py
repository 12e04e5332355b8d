"""The gate's Buildbot scheduler: feeds the state machine and does what it says.

Events come from Buildbot's changes and from finished buildsets. After each, the machine's snapshot
and the shell's memory go into Buildbot's database, in one piece, before anything is done about its
actions. What could not be done, because Gerrit did not answer or the master stopped, is still
outstanding: it is tried again after a pause, after a start, and when Gerrit has been asked anew.
Doing so does no harm to what was done already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.schedulers.base import ReconfigurableBaseScheduler
from twisted.internet.defer import Deferred, DeferredLock
from twisted.python import log

from schedulers import builder_names
from schedulers.gate import Gate, UnknownChanges
from schedulers.gate import events as ev
from schedulers.gate.actions import (
    Action,
    Announce,
    CancelBuild,
    PrepareState,
    Report,
    StartBuild,
    Submit,
)
from schedulers.gate.view import view
from schedulers.gate_shell import builds, merging, publishing, reporting
from schedulers.gate_shell.context import Context
from schedulers.gate_shell.memory import Memory
from schedulers.gate_shell.work import Work

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from twisted.python.failure import Failure

    from schedulers.gate import ChangeFacts, GateConfig
    from schedulers.ports import GerritPort, ReleasePlan

# Seconds until what failed, for Gerrit's or another infrastructure's sake, is tried again; and the
# longest for what is tried without end, each time after twice as long.
PAUSE = 30
_LONGEST_PAUSE = 1800


class GateScheduler(ReconfigurableBaseScheduler):
    """The queue of one release, across its projects."""

    def checkConfig(  # noqa: N802 - Buildbot's name
        self, gerrit: GerritPort, gate_user: str, release: ReleasePlan, config: GateConfig
    ) -> None:
        """Declare the builders that may be started."""
        del gerrit, gate_user, config
        super().checkConfig(builderNames=_builders(release))

    def reconfigService(  # noqa: N802 - Buildbot's name
        self, gerrit: GerritPort, gate_user: str, release: ReleasePlan, config: GateConfig
    ) -> Deferred[None]:
        """Take over the site's settings; what is in the queue stays there."""
        self.gerrit, self.gate_user, self.release = gerrit, gate_user, release
        self.config = config
        gate = getattr(self, "gate", None)
        self.gate: Gate = Gate(config) if gate is None else Gate(config, gate.state)
        return super().reconfigService(  # type: ignore[no-any-return]
            builderNames=_builders(release)
        )

    # Life

    def activate(self) -> Deferred[None]:
        """Remember the queue, look up what became of its builds, and listen."""
        return Deferred.fromCoroutine(self._activate())

    def deactivate(self) -> Deferred[None]:
        """Stop listening; the queue stays in the database."""
        return Deferred.fromCoroutine(self._deactivate())

    async def _activate(self) -> None:
        await super().activate()
        if not self.enabled:
            return
        self._turn, self._telling, self._publishing = (DeferredLock() for _ in range(3))
        self._submits: set[str] = set()  # items
        self._paused: dict[str, Any] = {}  # calls to come, by what they are about
        self.facts: dict[str, ChangeFacts] = {}
        self._work = Work(self)
        self.memory = Memory()
        saved = await self.getState("state", None)
        if saved is not None:
            self.gate = Gate.restore(self.config, saved["gate"])
            self.memory = Memory.restore(saved["memory"])
        self._consumer = await self.master.mq.startConsuming(
            self._buildset_complete, ("buildsets", None, "complete")
        )
        await self.startConsumingChanges()
        self._unwatch = self.gerrit.watch(self.master, self._reconciled)
        self._later(self._catch_up())

    async def _deactivate(self) -> None:
        consumer, self._consumer = getattr(self, "_consumer", None), None
        if consumer is not None:
            consumer.stopConsuming()
            self._unwatch()
            for call in self._paused.values():
                call.cancel()
            self._paused = {}
        await super().deactivate()

    @property
    def _context(self) -> Context:
        return Context(self.gerrit, self.release, self._work, self.memory, self._remember)

    async def _catch_up(self) -> None:
        """Do what is outstanding, and look at what may have ended unseen."""
        outstanding = self.gate.outstanding()
        await self._turn.acquire()
        try:
            for action in outstanding:
                await self._carry_out(action)
        finally:
            self._turn.release()
        for action in outstanding:
            if isinstance(action, PrepareState):
                await self._look_at_state(action.state)
            elif isinstance(action, StartBuild):
                await self._look_at_build(action.build)
        await self._publish()
        await self._tell()

    def _catch_up_after_a_pause(self) -> None:
        self._after_a_pause("catch up", self._catch_up)

    def _after_a_pause(
        self, what: str, act: Callable[[], Coroutine[Any, Any, None]], seconds: float = PAUSE
    ) -> None:
        """Do something later; asked again for the same meanwhile, it is done once."""

        def now() -> None:
            del self._paused[what]
            self._later(act())

        if what not in self._paused and self.active:
            self._paused[what] = self.master.reactor.callLater(seconds, now)

    def _later(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Do something without anybody waiting for it; if it fails, catch up after a pause."""
        Deferred.fromCoroutine(coroutine).addErrback(self._failed)

    def _failed(self, failure: Failure | None = None) -> None:
        log.err(failure, f"{self.name}: failed; trying again in {PAUSE} s")
        self._catch_up_after_a_pause()

    # Events

    def gotChange(self, change: Any, important: bool) -> Deferred[None]:  # noqa: N802, FBT001
        """Take an event of Gerrit's; one that cannot be taken now is found again by asking."""
        del important
        return Deferred.fromCoroutine(self._got_change(change))

    async def _got_change(self, change: Any) -> None:
        if change.project not in self.config.projects:
            return
        event = self._event_of(change)
        if event is not None:
            await self._happen(event, fresh=not isinstance(event, ev.TipMoved))

    def _event_of(self, change: Any) -> ev.Event | None:
        about = change.properties
        if change.category == "ref-updated":
            ours = about.getProperty("event.submitter.username") == self.gate_user
            if ours or change.branch != self.release.branch:
                return None
            return ev.TipMoved(change.project, change.branch)
        if about.getProperty("event.change.branch") != self.release.branch:
            return None
        number = str(about.getProperty("event.change.number"))
        match change.category:
            case "patchset-created":
                return ev.NewPatchSet(number)
            case "change-abandoned":
                return ev.Abandoned(number)
            case "change-merged":
                return ev.ChangeEdited(number)
            case "comment-added" if self._is_own_report(about):
                return ev.ChangeEdited(number)
        # Whatever happened may have been the last thing that was missing.
        return ev.Approved(number)

    def _is_own_report(self, about: Any) -> bool:
        """A comment of ours that brings no new vote of the check pipeline."""
        if about.getProperty("event.author.username") != self.gate_user:
            return False
        votes = about.getProperty("event.approvals") or []
        return not any(str(v.get("value")) == "1" and "oldValue" in v for v in votes)

    async def _reconciled(self, _numbers: list[str]) -> None:
        """Take in what no event told of, and what Gerrit did not answer before."""
        await self._turn.acquire()
        try:
            await self._ask_anew()
            known = self.gate.state.known
            self.facts |= await self.gerrit.facts_of(set(known) - set(self.facts))
            for event in events_between(known, self.facts):
                await self._handle(event)
        finally:
            self._turn.release()
        await self._catch_up()

    async def _happen(self, event: ev.Event, *, fresh: bool = False) -> None:
        """Let the machine decide, remember, then act."""
        await self._turn.acquire()
        try:
            if fresh:
                await self._ask_anew()
            await self._handle(event)
        finally:
            self._turn.release()

    async def _ask_anew(self) -> None:
        self.facts = await self.gerrit.facts(self.release.projects(), self.release.branch)

    async def _handle(self, event: ev.Event) -> None:
        event = self._with_patch_set(event)
        while True:
            try:
                actions = self.gate.handle(event, self.facts)
                break
            except UnknownChanges as unknown:
                self.facts.update(await self.gerrit.facts_of(unknown.ids))
        reporting.keep_reports(self.memory, actions)
        await self._remember()
        for action in actions:
            await self._carry_out(action)

    def _with_patch_set(self, event: ev.Event) -> ev.Event:
        """A patch set that the queue holds already is no new one."""
        if isinstance(event, ev.NewPatchSet) and self.gate.state.find(event.change) is not None:
            held = self.gate.state.known[event.change]
            now = self.facts.get(event.change)
            if now is not None and now.patchset == held.patchset:
                return ev.ChangeEdited(event.change)
        return event

    async def _remember(self) -> None:
        self.memory.keep_only(self.gate)
        await self.setState("state", {"gate": self.gate.snapshot(), "memory": self.memory.dump()})
        await self.setState("view", view(self.gate))

    def _buildset_complete(self, _key: tuple[str, ...], message: dict[str, Any]) -> None:
        name = self._work.name_of(message.get("external_idstring")) or ""
        match name[:1]:
            case "s":
                self._later(self._look_at_state(name))
            case "b":
                self._later(self._look_at_build(name))
            case "p":
                self._later(self._publish())

    async def _look_at_state(self, state: str) -> None:
        found = await builds.state_made(self._context, state)
        if found is None:
            return
        match found:
            case "made", _:
                await self._happen(ev.StatePrepared(state))
            case "conflict", reason:
                await self._happen(ev.StatePrepared(state, reason))
            case "infrastructure", reason:
                log.msg(f"{self.name}: state {state} could not be made: {reason}")
                self._after_a_pause(state, lambda: self._happen(ev.StateLost(state)))

    async def _look_at_build(self, build: str) -> None:
        started = self.memory.builds.get(build)
        if started is None:
            return  # of a former state
        result = await self._work.result(build, started.builders.values())
        if result == "worker-lost":
            # Whatever it was, the change is not judged by it; it may have passed by then.
            lost = ev.BuildFinished(build, result)
            self._after_a_pause(build, lambda: self._happen(lost))
        elif result is not None:
            if result == "success":
                await builds.take_packages(self._context, build)
            await self._happen(ev.BuildFinished(build, result))

    # Actions

    async def _carry_out(self, action: Action) -> None:
        try:
            await self._do(action)
        except Exception:  # noqa: BLE001 - whatever it is, it must not keep the others from being done
            self._failed()

    async def _do(self, action: Action) -> None:
        match action:
            case PrepareState():
                await builds.prepare(self._context, action)
            case StartBuild():
                facts = self.gate.state.known[action.change]
                await builds.start(self._context, action, facts)
            case CancelBuild(build):
                started = self.memory.builds.pop(build, None)
                if started is not None:
                    await self._work.cancel(build, started.builders.values())
            case Submit():
                self._later(self._submit(action))
            case Report():
                self._later(self._tell())
            case Announce(change):
                facts = self.facts.get(change) or self.gate.state.known[change]
                self._later(reporting.announce(self._context, action, facts.revision))

    async def _submit(self, action: Submit) -> None:
        """Have an item merged; a queue goes on meanwhile."""
        if action.item in self._submits:
            return
        self._submits.add(action.item)
        try:
            outcome = await merging.merge(self._context, action)
        finally:
            self._submits.remove(action.item)
        if outcome.moved is not None:
            project, branch = outcome.moved
            log.msg(f"{self.name}: {branch} of {project} was pushed to past the gate")
            await self._happen(ev.SubmitWithdrawn(action.item, project, branch))
            return
        await self._happen(ev.SubmitFinished(action.item, outcome.merged, outcome.refused))
        await self._publish()

    async def _publish(self) -> None:
        """See to what has merged and is not published yet."""
        await _alone(self._publishing, self._publish_all)

    async def _publish_all(self) -> None:
        for publication in list(self.memory.publications):
            again = await publishing.look(self._context, publication)
            if again:
                seconds = min(PAUSE << (publication.attempt - 2), _LONGEST_PAUSE)
                self._after_a_pause(publication.name, self._publish, seconds)
            elif publication in self.memory.publications and publication.name not in self._paused:
                await publishing.publish(self._context, publication)

    async def _tell(self) -> None:
        await _alone(self._telling, lambda: reporting.tell(self._context))


async def _alone(lock: DeferredLock, act: Callable[[], Awaitable[None]]) -> None:
    await lock.acquire()
    try:
        await act()
    finally:
        lock.release()


def events_between(known: dict[str, ChangeFacts], facts: dict[str, ChangeFacts]) -> list[ev.Event]:
    """What must have happened for Gerrit to say now what it says. Pure.

    ``known`` are the changes in the queue as they were, ``facts`` all open ones and those known.
    """
    events: list[ev.Event] = []
    for number, held in known.items():
        now = facts[number]
        if now.status == "abandoned":
            events.append(ev.Abandoned(number))
        elif now.patchset != held.patchset:
            events.append(ev.NewPatchSet(number))
        elif now != held:
            events.append(ev.ChangeEdited(number))
    # Which was approved first is not known any more.
    entering = sorted((number for number in facts if number not in known), key=int)
    return [*events, *(ev.Approved(number) for number in entering)]


def _builders(release: ReleasePlan) -> list[str]:
    jobs = ("gate", "install-test", "publish")
    return [
        builder_names.of_merge(release.name),
        *(
            builder_names.of_package(job, release.name, package.name)
            for job in jobs
            for package in release.packages
        ),
    ]
