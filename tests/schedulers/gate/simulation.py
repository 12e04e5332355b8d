"""A server, workers and time around a gate, each answer given when the test wants it.

Every event is handled by the gate and by a copy of it restored from its snapshot; both must agree.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from schedulers.gate import ChangeFacts, Gate, GateConfig
from schedulers.gate import events as ev
from schedulers.gate.actions import (
    Action,
    Announce,
    CancelBuild,
    PrepareState,
    Report,
    StartBuild,
    Submit,
    Tested,
)

if TYPE_CHECKING:
    from schedulers.gate.items import Item, Queue


@dataclass(frozen=True)
class Landed:
    """Something on a branch: a change, or (``patchset`` 0) a push past the gate."""

    name: str
    patchset: int
    project: str
    branch: str


History = tuple[Landed, ...]


@dataclass
class Run:
    """A build that was started, and how it ended."""

    change: str
    job: str
    state: str
    result: str | None = None  # None: runs
    doomed: bool = False


@dataclass
class Simulation:
    """Plays Gerrit and Buildbot; what was asked for waits until it is answered."""

    config: GateConfig
    changes: dict[str, ChangeFacts]
    conflicts: set[frozenset[str]] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    landed: list[Landed] = field(default_factory=list)  # in the order it came
    by_hand: set[str] = field(default_factory=set)  # merged past the gate
    preparing: dict[str, tuple[Tested, ...]] = field(default_factory=dict)
    states: dict[str, History] = field(default_factory=dict)  # prepared without a conflict
    runs: dict[str, Run] = field(default_factory=dict)  # by build id
    submits: list[Submit] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate = Gate(self.config)

    # What a test looks at

    @property
    def queues(self) -> list[Queue]:
        """The gate's queues."""
        return list(self.gate.state.queues.values())

    @property
    def items(self) -> list[Item]:
        """The items of all queues."""
        return [item for queue in self.queues for item in queue.items]

    @property
    def running(self) -> list[str]:
        """Ids of the builds under way."""
        return [build for build, run in self.runs.items() if run.result is None]

    @property
    def former(self) -> list[str]:
        """Ids of builds that ended or were cancelled."""
        return [build for build, run in self.runs.items() if run.result is not None]

    def drawn_on(self, submit: Submit) -> set[tuple[str, str]]:
        """The branches that the packages of what is submitted are built from."""
        return {
            (project, one.branch)
            for one in submit.changes
            for project in (one.project, *self.config.projects[one.project].builds_with)
        }

    # What may happen

    def tell(self, event: ev.Event) -> list[Action]:
        """Let the gate handle an event; carries its actions out as far as they need no answer."""
        copy = restored(self.gate)
        actions = self.gate.handle(event, dict(self.changes))
        assert copy.handle(event, dict(self.changes)) == actions, "a restored gate acts otherwise"
        assert as_json(copy) == as_json(self.gate), "a restored gate remembers otherwise"
        for action in actions:
            self._carry_out(action)
        return actions

    def edit(self, change: str, **facts: Any) -> None:
        """Change what the server knows, without telling the gate."""
        self.changes[change] = replace(self.changes[change], **facts)

    def merge(self, change: str) -> None:
        """The server merges a change."""
        self.edit(change, status="merged")
        facts = self.changes[change]
        self.landed.append(Landed(change, facts.patchset, facts.project, facts.branch))

    def push(self, project: str, branch: str) -> None:
        """Somebody pushes to a branch."""
        self.landed.append(Landed(f"push {len(self.landed)}", 0, project, branch))

    def prepared(self, state: str) -> ev.StatePrepared:
        """Make a state that was asked for."""
        tested = self.preparing.pop(state)
        conflict = self._conflict([one.change for one in tested])
        if conflict is None:
            new = [as_landed(one) for one in tested if as_landed(one) not in self.landed]
            self.states[state] = (*self.landed, *new)
        return ev.StatePrepared(state, conflict)

    def lost(self, state: str) -> ev.StateLost:
        """The infrastructure fails making a state that was asked for."""
        del self.preparing[state]
        return ev.StateLost(state)

    def finished(self, build: str, result: ev.Result) -> ev.BuildFinished:
        """End a build that runs."""
        self.runs[build].result = result
        return ev.BuildFinished(build, result)

    def submitted(self, submit: Submit) -> ev.SubmitFinished | ev.SubmitWithdrawn:
        """Answer a submit as Gerrit would: change by change, up to the first that cannot merge."""
        self.submits.remove(submit)
        moved = self._moved(submit) if self.config.restart_on_tip_move else None
        if moved is not None:
            return ev.SubmitWithdrawn(submit.item, *moved)
        merged: list[str] = []
        for tested in submit.changes:
            facts = self.changes[tested.change]
            fits = facts.status == "open" and facts.patchset == tested.patchset
            if not fits or not facts.mergeable or facts.id in self.refused:
                return ev.SubmitFinished(submit.item, tuple(merged), f"{facts.id} is refused")
            self.merge(facts.id)
            merged.append(facts.id)
        return ev.SubmitFinished(submit.item, tuple(merged))

    # Inside

    def _carry_out(self, action: Action) -> None:
        match action:
            case PrepareState(state, changes):
                self.preparing[state] = changes
            case StartBuild(build, change, job, state, _):
                assert build not in self.runs, f"{build} is started twice"
                assert state in self.states, f"{build} is started on no state"
                self.runs[build] = Run(change, job, state)
            case CancelBuild(build):
                assert self.runs[build].result is None, f"{build} does not run"
                self.runs[build].result = "cancelled"
            case Submit():
                self.submits.append(action)
            case Report() | Announce():
                pass

    def _conflict(self, changes: list[str]) -> str | None:
        there = [facts.id for facts in self.changes.values() if facts.status == "merged"]
        for change in changes:
            for other in (*there, *changes):
                if frozenset({change, other}) in self.conflicts:
                    return f"{change} does not merge with {other}"
        return None

    def _moved(self, submit: Submit) -> tuple[str, str] | None:
        tested, now = self.states[submit.state], self.landed
        for branch in sorted(self.drawn_on(submit)):
            if pushes(tested, {branch}) != pushes(now, {branch}):
                return branch
        return None


def as_landed(tested: Tested) -> Landed:
    """A tested change as it will be on its branch."""
    return Landed(tested.change, tested.patchset, tested.project, tested.branch)


def pushes(history: History | list[Landed], branches: set[tuple[str, str]]) -> list[Landed]:
    """What was pushed past the gate to any of some branches."""
    return [one for one in history if one.patchset == 0 and (one.project, one.branch) in branches]


def as_json(gate: Gate) -> str:
    """A gate's snapshot as a database keeps it."""
    return json.dumps(gate.snapshot())


def restored(gate: Gate) -> Gate:
    """The same gate after a restart."""
    text = as_json(gate)
    copy = Gate.restore(gate.config, json.loads(text))
    assert as_json(copy) == text, "a snapshot is not what was restored"
    return copy
