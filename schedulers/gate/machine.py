"""The gate: events in, actions out. No input or output, no clock; the same answer every time.

After each event the queues are walked front to back until nothing changes any more. An item is
built on the nearest item ahead of it that is not failing; one that fails keeps its place, and gets
a second chance when what it was built on turns out to fail as well.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, assert_never

from pydantic import TypeAdapter

from schedulers.gate import events as ev
from schedulers.gate.actions import (
    Action,
    Announce,
    CancelBuild,
    Report,
    Verdict,
)
from schedulers.gate.admission import Admission, Refusal
from schedulers.gate.asking import Asking
from schedulers.gate.facts import Facts, look_up
from schedulers.gate.items import Build, Departure, GateState, Item, Queue
from schedulers.gate.jobs import Jobs, after, key
from schedulers.gate.needing import Needing

if TYPE_CHECKING:
    from collections.abc import Callable

    from schedulers.gate.config import GateConfig, Job

_SNAPSHOT = TypeAdapter(GateState)
_FAILING_NEED = "a change it needs is failing"


class Gate:
    """One gate with all its queues.

    :meth:`handle` takes an event and answers what is to be done. It raises
    :class:`schedulers.gate.facts.UnknownChanges` when it must know of more changes, and has then
    changed nothing.
    """

    def __init__(self, config: GateConfig, state: GateState | None = None) -> None:
        self.config = config
        self.state = state or GateState()

    def handle(self, event: ev.Event, facts: Facts) -> list[Action]:
        """Let an event happen."""
        turn = _Turn(self.config, copy.deepcopy(self.state), facts)
        turn.take(event)
        turn.settle()
        self.state = turn.state
        return turn.actions

    def outstanding(self) -> list[Action]:
        """What was asked for and has not been answered, to be looked up after a restart."""
        asking = Asking(self.state)
        found: list[Action] = []
        for queue in self.state.queues.values():
            for item in queue.items:
                if item.submitting:
                    found.append(asking.for_merge(item))
                elif item.state is not None and not item.prepared and not item.infrastructure:
                    found.append(asking.for_state(item))
                found += [
                    asking.for_build(item, build)
                    for build in item.builds.values()
                    if build.result is None
                ]
        return found

    def snapshot(self) -> Any:
        """Everything the gate remembers, for JSON."""
        return _SNAPSHOT.dump_python(self.state, mode="json")

    @classmethod
    def restore(cls, config: GateConfig, snapshot: Any) -> Gate:
        """The gate that a snapshot was made of."""
        return cls(config, _SNAPSHOT.validate_python(snapshot))


class _Turn:
    """One event's worth of work on a copy of the state."""

    def __init__(self, config: GateConfig, state: GateState, facts: Facts) -> None:
        self.config = config
        self.state = state
        self.facts = facts
        self.jobs = Jobs(config, state)
        self.asking = Asking(state)
        self.needing = Needing(config, state, facts)
        self.admission = Admission(config, state)
        self.actions: list[Action] = []

    # Events

    def take(self, event: ev.Event) -> None:
        """What an event means in itself; :meth:`settle` draws the consequences."""
        match event:
            case ev.Approved(change):
                self._refresh(change)
                self._admit(change)
            case ev.ChangeEdited(change):
                self._refresh(change)
            case ev.NewPatchSet(change):
                self._new_patch_set(change)
            case ev.Abandoned(change):
                self._abandoned(change)
            case ev.StatePrepared(state, conflict):
                self._prepared(state, conflict)
            case ev.StateLost(state):
                self._state_lost(state)
            case ev.BuildFinished(build, result):
                self._with_build(build, lambda item, b: self._finished(item, b, result))
            case ev.EarlyFailure(build):
                self._with_build(build, self._doomed)
            case ev.NoWorker(build):
                self._with_build(build, self._without_worker)
            case ev.SubmitFinished(item, merged, refused):
                self._submitted(item, merged, refused)
            case ev.SubmitWithdrawn(item, project, branch):
                self._submit_withdrawn(item)
                self._tip_moved(project, branch)
            case ev.TipMoved(project, branch):
                self._tip_moved(project, branch)
            case ev.Enqueue(change):
                self._admit(change, by_operator=True)
            case ev.Dequeue(change):
                self._dequeued(change)
            case ev.Promote(changes):
                self._promoted(changes)
            case _:
                assert_never(event)

    def _refresh(self, change: str) -> None:
        """Take over what Gerrit says now of a change that is in a queue."""
        found = self.state.find(change)
        if found is None:
            return
        now = look_up(self.facts, change)
        if found[1].submitting:
            # Whether it has merged is what the answer to the submit will say.
            now = replace(now, status=self.state.known[change].status)
        self.state.known[change] = now

    def _admit(self, change: str, *, by_operator: bool = False) -> None:
        for refusal in self.admission.admit(change, self.facts, by_operator=by_operator):
            self._report_refusal(refusal)

    def _report_refusal(self, refusal: Refusal) -> None:
        facts = look_up(self.facts, refusal.change)
        self.actions.append(
            Report(refusal.change, facts.patchset, refusal.verdict, (refusal.reason,))
        )

    def _new_patch_set(self, change: str) -> None:
        found = self.state.find(change)
        if found is None or self._deferred(found[1], "new-patchset", change):
            return
        queue, item = found
        others = [member for member in item.changes if member != change]
        if item.announced:
            self._report(item, "dequeue", "there is a new patch set")
        self._remove(queue, item)
        for other in others:
            self._admit(other)

    def _abandoned(self, change: str) -> None:
        found = self.state.find(change)
        if found is None or self._deferred(found[1], "abandoned", change):
            return
        queue, item = found
        if len(item.changes) > 1:
            self._report(item, "failure:cycle-member-abandoned", f"{change} was abandoned")
        else:
            self._report(item, "dequeue", "the change was abandoned")
        self._remove(queue, item)

    def _prepared(self, state: str, conflict: str | None) -> None:
        for queue in self.state.queues.values():
            for item in queue.items:
                if item.state == state and not item.prepared:
                    item.prepared = True
                    item.conflict = conflict
                    item.lost = 0

    def _state_lost(self, state: str) -> None:
        """Ask for it anew under another name, but not for ever."""
        for queue in self.state.queues.values():
            for item in queue.items:
                if item.state == state and not item.prepared and not item.infrastructure:
                    item.lost += 1
                    if self.config.max_lost is not None and item.lost >= self.config.max_lost:
                        item.infrastructure = True
                    else:
                        item.state = None

    def _with_build(self, build_id: str, act: Callable[[Item, Build], None]) -> None:
        """Act on a build that still counts: of an item's state, or carried to its next one."""
        for queue in self.state.queues.values():
            for item in queue.items:
                for build in (*item.builds.values(), *item.carried.values()):
                    if build.id == build_id and build.result is None:
                        act(item, build)
                        return

    def _finished(self, item: Item, build: Build, result: ev.Result) -> None:
        match result:
            case "infra":
                if build.attempt < self.config.attempts:
                    self._again(item, build, attempt=build.attempt + 1)
                else:
                    build.result = "failure"
            case "worker-lost":
                build.lost += 1
                if self.config.max_lost is None or build.lost < self.config.max_lost:
                    self._again(item, build)
                else:
                    item.infrastructure = True
                    build.result = "failure"
            case "success":
                build.result = "failure" if build.doomed else "success"
            case "failure" | "timeout":
                if build.confirmations < self.config.confirm:
                    self._again(item, build, confirmations=build.confirmations + 1)
                else:
                    build.result = "failure"
            case _:
                assert_never(result)

    def _again(self, item: Item, build: Build, **changed: int) -> None:
        """Run a build once more on the same state; a carried one has no state to run on yet."""
        if item.carried.get(key(build.change, build.job)) is build:
            del item.carried[key(build.change, build.job)]
            return
        build.id = self.state.number("b")
        build.doomed = False
        for name, value in changed.items():
            setattr(build, name, value)
        self.actions.append(self.asking.for_build(item, build))

    def _doomed(self, _item: Item, build: Build) -> None:
        if build.confirmations >= self.config.confirm:
            build.doomed = True

    def _without_worker(self, _item: Item, build: Build) -> None:
        build.result = "failure"

    def _submitted(self, item_id: str, merged: tuple[str, ...], refused: str | None) -> None:
        item = self.state.item(item_id)
        if item is None or not item.submitting:
            return
        queue, _ = self._place(item)
        item.submitting = False
        for change in merged:
            self._has_merged(change)
        if refused is None:
            self._report(item, "success", "merged as tested")
            queue.window = self.config.window.grown(queue.window)
        else:
            self._report(item, "merge-failure", refused)
            self._reset_behind(item)
        self._leave(queue, item)

    def _submit_withdrawn(self, item_id: str) -> None:
        item = self.state.item(item_id)
        if item is None or not item.submitting:
            return
        item.submitting = False
        self._reset(item)
        deferred, item.deferred = item.deferred, []
        for event, change in deferred:
            match event:
                case "new-patchset":
                    self._new_patch_set(change)
                case "abandoned":
                    self._abandoned(change)
                case "dequeue":
                    self._dequeued(change)
                case _:
                    assert_never(event)

    def _has_merged(self, change: str) -> None:
        facts = self.state.known[change]
        self.state.known[change] = replace(facts, status="merged")
        place = f"{facts.project}/{facts.branch}"
        self.state.bases[place] = after(self.state.bases.get(place, ""), change, facts.patchset)

    def _tip_moved(self, project: str, branch: str) -> None:
        if not self.config.restart_on_tip_move:
            return
        place = f"{project}/{branch}"
        pushes = self.state.number("push")
        self.state.bases[place] = after(self.state.bases.get(place, ""), pushes, 0)
        for queue in self.state.queues.values():
            for item in queue.items:
                touched = any(
                    facts.branch == branch and project in self._drawn_on(facts.project)
                    for facts in (self.state.known[change] for change in item.changes)
                )
                if touched and not item.submitting:
                    self._reset(item)

    def _drawn_on(self, project: str) -> set[str]:
        """The projects that a project's packages are built from."""
        settings = self.config.projects.get(project)
        return {project, *(() if settings is None else settings.builds_with)}

    def _dequeued(self, change: str) -> None:
        found = self.state.find(change)
        if found is None or self._deferred(found[1], "dequeue", change):
            return
        queue, item = found
        self._report(item, "dequeue", "an operator took it out")
        self._remove(queue, item)

    def _deferred(self, item: Item, event: Departure, change: str) -> bool:
        """Whether a departure waits for the answer to a submit, which nobody can take back."""
        if item.submitting:
            item.deferred.append((event, change))
        return item.submitting

    def _promoted(self, changes: tuple[str, ...]) -> None:
        places = [self.state.find(change) for change in changes]
        if not all(places):
            return  # nothing is moved unless all of them are there
        for queue in {id(place[0]): place[0] for place in places if place}.values():
            items = [place[1] for place in places if place and place[0] is queue]
            first = list({item.id: item for item in items}.values())
            rest = [item for item in queue.items if item not in first]
            order = [*first, *rest]
            same = 0
            while same < len(order) and order[same] is queue.items[same]:
                same += 1
            moved = order[same:]
            if any(item.submitting for item in queue.items[same:]):
                return
            for item in queue.items[same:][::-1]:
                self._remove(queue, item)
            for item in moved:
                for change in item.changes:
                    self._admit(change, by_operator=True)

    # Consequences

    def settle(self) -> None:
        """Walk all queues until nothing changes any more."""
        changed = True
        while changed:
            changed = False
            for queue in list(self.state.queues.values()):
                nearest: Item | None = None
                for item in list(queue.items):
                    if item not in queue.items:
                        continue
                    acted, nearest = self._visit(queue, item, nearest)
                    changed |= acted
        self._drop_carried()
        self._forget()

    def _visit(self, queue: Queue, item: Item, nearest: Item | None) -> tuple[bool, Item | None]:
        """One item; answers whether anything changed and what the next one may be built on."""
        if item.submitting:
            return False, item
        if not all(self.state.known[change].mergeable for change in item.changes):
            self._fail(queue, item, "failure:missing-requirement", "an approval is missing")
            return True, nearest
        if self.needing.cycle_changed(item):
            members = list(item.changes)
            self._remove(queue, item)
            for change in members:
                self._admit(change)
            return True, nearest
        missing = self.needing.missing(queue, item)
        if missing:
            self._fail(
                queue, item, "failure:needed-change", f"it needs {', '.join(missing)}, which failed"
            )
            return True, nearest
        changed = False
        failing: list[str] = []
        if self.needing.is_failing(item):
            failing.append(_FAILING_NEED)
            self._stop_builds(item)
        else:
            ahead = self.state.item(item.ahead)
            if ahead is not nearest and not (ahead is not None and self._merged(ahead)):
                self._move(item, nearest)
                changed = True
            if self._active(queue, item):
                changed |= self._work_on(item)
            if item.conflict is not None:
                failing.append(f"it does not merge: {item.conflict}")
        failing += self._judge(item)
        if item.ahead is None and self.jobs.complete(item):
            changed |= self._conclude(queue, item)
            return changed, item if item.submitting else nearest
        if failing:
            item.failing = failing
            return changed, nearest
        item.failing = []
        return changed, item

    def _work_on(self, item: Item) -> bool:
        """Ask for an active item's state, and start what may start."""
        if item.state is None:
            item.state = self.state.number("s")
            self.actions.append(self.asking.for_state(item))
            return False
        if item.prepared and not item.announced:
            item.announced = True
            self._announce(item)
        started = False
        for change, job in list(self.jobs.startable(item)):
            self._start(item, change, job)
            started = True
        return started

    def _start(self, item: Item, change: str, job: Job) -> None:
        inputs = self.jobs.inputs(item, change, job)
        place = key(change, job.name)
        carried = item.carried.pop(place, None)
        if carried is not None and inputs is not None and carried.inputs == inputs:
            item.builds[place] = carried
            return
        if carried is not None:
            self._cancel(carried)
        build = Build(self.state.number("b"), change, job.name, inputs)
        item.builds[place] = build
        self.actions.append(self.asking.for_build(item, build))

    def _judge(self, item: Item) -> list[str]:
        """Reasons against an item from its builds; stops the others when that is wanted."""
        if item.infrastructure:
            return ["the infrastructure failed too often"]
        failed = self.jobs.failed(item)
        if not failed or item.cleared:
            return []
        if self._may_be_cleared(item):
            return []
        if self.config.fail_fast:
            for build in item.builds.values():
                if build.result is None:
                    self._cancel(build)
                    build.result = "cancelled"
        return [f"{build.job} of {build.change} failed" for build in failed]

    def _may_be_cleared(self, item: Item) -> bool:
        """Whether items on top of a failed one may yet show that its state is good."""
        depth = self.config.hold_failed_depth
        if depth == 0:
            return False
        top, waiting = item, False
        for _ in range(depth):
            on_top = [o for o in self.state.behind(top) if o.state is None or o.conflict is None]
            if not on_top:
                break
            top = on_top[0]
            if self.jobs.passed(top):
                item.cleared = True
                return True
            waiting |= self._may_pass(top)
        return waiting

    def _may_pass(self, item: Item) -> bool:
        """Whether an item without any help from others may still turn out good."""
        if self.jobs.failed(item) or self.needing.is_failing(item):
            return False
        if item.state is None:
            return self._active(*self._place(item))
        runs = any(build.result is None for build in item.builds.values())
        return not item.prepared or runs or any(self.jobs.startable(item))

    def _conclude(self, queue: Queue, item: Item) -> bool:
        """Merge or report the item at the front of its branch of the tree."""
        if item.conflict is not None:
            self._fail_at_front(queue, item, "merge-conflict", item.conflict)
            return True
        if item.infrastructure:
            self._report(item, "infrastructure", "it failed too often; it may come back")
            self._remove(queue, item)
            return True
        if not self.jobs.of(item):
            self._fail_at_front(queue, item, "no-jobs", "no job is configured for it")
            return True
        if self.jobs.failed(item) and self._may_be_cleared(item) and not item.cleared:
            return False
        if not self.jobs.passed(item):
            self._fail_at_front(queue, item, "failure:tests", *self._judge(item))
            return True
        return self._merge(queue, item)

    def _merge(self, queue: Queue, item: Item) -> bool:
        if self._merged(item):
            self._report(item, "success", "it was merged meanwhile")
            queue.window = self.config.window.grown(queue.window)
            self._leave(queue, item)
            return True
        if len(item.changes) > 1:
            for change in item.changes:
                self.state.known[change] = look_up(self.facts, change)
            if not all(self.state.known[change].mergeable for change in item.changes):
                self._fail_at_front(
                    queue, item, "failure:cycle-not-mergeable", "a change of the cycle cannot merge"
                )
                return True
        item.submitting = True
        item.failing = []
        self.actions.append(self.asking.for_merge(item))
        return True

    def _active(self, queue: Queue, item: Item) -> bool:
        return queue.window == 0 or queue.items.index(item) < queue.window

    def _merged(self, item: Item) -> bool:
        return all(self.state.known[change].status == "merged" for change in item.changes)

    # Changes of the queue

    def _fail(self, queue: Queue, item: Item, verdict: Verdict, *reasons: str) -> None:
        """Report an item that leaves before its turn."""
        self._report(item, verdict, *reasons)
        queue.window = self.config.window.shrunk(queue.window)
        self._remove(queue, item)

    def _fail_at_front(self, queue: Queue, item: Item, verdict: Verdict, *reasons: str) -> None:
        """Report an item whose turn has come."""
        self._report(item, verdict, *reasons)
        queue.window = self.config.window.shrunk(queue.window)
        self._reset_behind(item)
        self._stop_builds(item)
        self._leave(queue, item)

    def _remove(self, queue: Queue, item: Item) -> None:
        """Take an item out; whatever was built on it is built again without it."""
        self._reset_behind(item)
        self._stop_builds(item)
        self._leave(queue, item)

    def _leave(self, queue: Queue, item: Item) -> None:
        for other in self.state.behind(item):
            other.ahead = item.ahead
        queue.items.remove(item)

    def _move(self, item: Item, nearest: Item | None) -> None:
        """Build an item on another one; those behind it stay where it was, and follow later."""
        for other in self.state.behind(item):
            other.ahead = item.ahead
        self._reset_behind(item)
        self._reset(item)
        item.ahead = None if nearest is None else nearest.id

    def _reset(self, item: Item) -> None:
        """Forget an item's state; its builds may prove good for the next one."""
        self._reset_behind(item)
        for place, build in item.builds.items():
            older = item.carried.get(place)
            if older is not None:
                self._cancel(older)
            if build.inputs is None or build.result == "cancelled":
                self._cancel(build)
                item.carried.pop(place, None)
            else:
                item.carried[place] = build
        item.builds = {}
        item.state = None
        item.prepared = False
        item.conflict = None
        item.failing = []
        item.cleared = False
        item.infrastructure = False

    def _reset_behind(self, item: Item) -> None:
        for other in self.state.behind(item):
            if not other.submitting:
                self._reset(other)

    def _stop_builds(self, item: Item) -> None:
        for build in (*item.builds.values(), *item.carried.values()):
            self._cancel(build)
            if build.result is None:
                build.result = "cancelled"
        item.carried = {}

    def _cancel(self, build: Build) -> None:
        if build.result is None:
            self.actions.append(CancelBuild(build.id))

    def _drop_carried(self) -> None:
        """Stop what runs for a former state and is of no use for the present one."""
        for queue in self.state.queues.values():
            for item in queue.items:
                waiting = item.state is None or not item.prepared
                for place, build in list(item.carried.items()):
                    if build.result is None and not waiting:
                        change, _, name = place.rpartition("/")
                        jobs = {
                            job.name: job for owner, job in self.jobs.of(item) if owner == change
                        }
                        if name in jobs and build.inputs == self.jobs.inputs(
                            item, change, jobs[name]
                        ):
                            continue
                        self._cancel(build)
                        del item.carried[place]

    def _forget(self) -> None:
        """Keep facts only of changes that are in a queue."""
        held = {c for q in self.state.queues.values() for i in q.items for c in i.changes}
        self.state.known = {c: facts for c, facts in self.state.known.items() if c in held}

    def _place(self, item: Item) -> tuple[Queue, Item]:
        found = self.state.find(item.changes[0])
        if found is None:
            raise AssertionError("an item is in a queue until it leaves it")
        return found

    # Actions

    def _announce(self, item: Item) -> None:
        below = self.asking.changes_below(item)
        for change in item.changes:
            self.actions.append(Announce(change, self.state.known[change].patchset, below))

    def _report(self, item: Item, verdict: Verdict, *reasons: str) -> None:
        failed = tuple(build.id for build in self.jobs.failed(item))
        for change in item.changes:
            patchset = self.state.known[change].patchset
            self.actions.append(Report(change, patchset, verdict, reasons, failed))
