"""Whatever happens, in whatever order: what the gate promises holds after every event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from schedulers.gate import ChangeFacts, GateConfig, Job, Parent, Project, QueueKind, WindowRule
from schedulers.gate import events as ev
from schedulers.gate.actions import Report, Submit
from tests.schedulers.gate import invariants
from tests.schedulers.gate.simulation import Simulation

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

    from schedulers.gate.config import Input

NAMES = tuple("ABCDEFG")
PROJECTS = ("p", "q", "r")
PATIENCE = 2000  # answers after which a gate that still wants something never comes to rest

numbers = st.integers(0, 99)
names = st.sampled_from(NAMES)
some_names = st.lists(names, unique=True, max_size=2)
decreases: SearchStrategy[tuple[Literal["linear", "exponential"], int]] = st.sampled_from(
    [("exponential", 2), ("linear", 1)]
)


@st.composite
def job_lists(draw: DrawFn) -> tuple[Job, ...]:
    """One to three jobs, each after some of those before it."""
    jobs: list[Job] = []
    for name in ("build", "lint", "test")[: draw(st.integers(1, 3))]:
        inputs: tuple[Input, ...] = draw(
            st.sampled_from([(), (), ("own",), ("own", "builds_with"), ("all",)])
        )
        jobs.append(
            Job(
                name,
                voting=name != "lint" or draw(st.booleans()),
                after=tuple(draw(st.lists(st.sampled_from(jobs), max_size=1).map(_names)))
                if jobs
                else (),
                inputs=inputs,
                hold_following=draw(st.integers(0, 9)) == 0,
                provides=("thing",) if draw(st.integers(0, 5)) == 0 else (),
                requires=("thing",) if draw(st.integers(0, 5)) == 0 else (),
            )
        )
    return tuple(jobs)


def _names(jobs: list[Job]) -> list[str]:
    return [job.name for job in jobs]


@st.composite
def configs(draw: DrawFn) -> GateConfig:
    """A gate of three projects with any of its settings."""
    shared = draw(st.sampled_from([3, 3, 2]))
    floor = draw(st.integers(1, 2))
    return GateConfig(
        projects={
            name: Project(
                "main" if index < shared else None,
                builds_with=tuple(draw(st.lists(st.sampled_from(PROJECTS), max_size=1))),
            )
            for index, name in enumerate(PROJECTS)
        },
        queues={
            "main": QueueKind(
                per_branch=draw(st.integers(0, 5)) == 0,
                allow_cycles=draw(st.booleans()),
                by_topic=draw(st.integers(0, 5)) == 0,
            )
        },
        jobs={"default": draw(job_lists())},
        window=WindowRule(
            initial=draw(st.sampled_from([20, 3, 2, 0])),
            floor=floor,
            ceiling=draw(st.sampled_from([None, 4])),
            decrease=draw(decreases),
        ),
        attempts=draw(st.integers(1, 2)),
        fail_fast=draw(st.booleans()),
        max_changes=draw(st.sampled_from([None, None, 4])),
        restart_on_tip_move=draw(st.booleans()),
        max_lost=draw(st.sampled_from([None, 1, 2])),
        confirm=draw(st.integers(0, 1)),
        hold_failed_depth=draw(st.sampled_from([0, 0, 1, 2])),
    )


@st.composite
def change_sets(draw: DrawFn) -> dict[str, ChangeFacts]:
    """Changes with parents, footers and topics."""
    changes: dict[str, ChangeFacts] = {}
    for name in NAMES:
        project = draw(st.sampled_from(PROJECTS))
        branch = draw(st.sampled_from(["main", "main", "main", "old"]))
        parents = [c for c in changes.values() if (c.project, c.branch) == (project, branch)]
        parent = draw(st.sampled_from([None, None, *parents]))
        footers = draw(st.lists(names, max_size=1)) if draw(st.integers(0, 2)) == 0 else []
        changes[name] = ChangeFacts(
            name,
            project,
            branch,
            patchset=1,
            revision=f"{name}.1",
            approved=draw(st.integers(0, 3)) > 0,
            parent=None if parent is None else Parent(parent.id, 1),
            depends_on=tuple(footer for footer in footers if footer != name),
            topic="t" if draw(st.integers(0, 5)) == 0 else None,
        )
    return changes


class AnythingHappens(RuleBasedStateMachine):
    """Random stories, each ended by good luck only: then all queues must empty."""

    @initialize(
        config=configs(),
        changes=change_sets(),
        conflicts=st.lists(st.lists(names, min_size=2, max_size=2, unique=True), max_size=2),
        begin=st.booleans(),
    )
    def begin(
        self,
        config: GateConfig,
        changes: dict[str, ChangeFacts],
        conflicts: list[list[str]],
        begin: bool,  # noqa: FBT001 - a drawn value
    ) -> None:
        self.sim = Simulation(config, changes, {frozenset(pair) for pair in conflicts})
        if begin:
            for name in NAMES:
                self.tell(ev.Approved(name))
            self.prepare_all()

    def tell(self, event: ev.Event) -> None:
        """Let something happen, and look at what the gate makes of it."""
        sim = self.sim
        before = {change: item.id for item in sim.items for change in item.changes}
        actions = sim.tell(event)
        for action in actions:
            if isinstance(action, Submit):
                invariants.check_submit(sim, action)
            elif isinstance(action, Report):
                invariants.check_blame(sim, action)
        invariants.check_verdicts(sim, event, before, actions)
        invariants.check_shape(sim)
        invariants.check_nearest(sim)
        invariants.check_builds(sim)

    def edit(self, change: str, event: ev.Event | None, **facts: Any) -> None:
        """Something about a change that has not merged."""
        if self.sim.changes[change].status != "merged":
            self.sim.edit(change, **facts)
            if event is not None:
                self.tell(event)

    # Authors and reviewers

    @rule(change=names)
    def approve(self, change: str) -> None:
        self.edit(change, ev.Approved(change), approved=True)

    @rule(change=names)
    def unapprove(self, change: str) -> None:
        self.edit(change, ev.ChangeEdited(change), approved=False)

    @rule(change=names)
    def unapprove_unnoticed(self, change: str) -> None:
        self.edit(change, None, approved=False)

    @rule(change=names, wip=st.booleans())
    def set_wip(self, change: str, wip: bool) -> None:  # noqa: FBT001 - a drawn value
        self.edit(change, ev.ChangeEdited(change), wip=wip)

    @rule(change=names, votes_kept=st.booleans())
    def new_patch_set(self, change: str, votes_kept: bool) -> None:  # noqa: FBT001 - as above
        facts = self.sim.changes[change]
        number = facts.patchset + 1
        parent = facts.parent and Parent(
            facts.parent.change, self.sim.changes[facts.parent.change].patchset
        )
        self.edit(
            change,
            ev.NewPatchSet(change),
            patchset=number,
            revision=f"{change}.{number}",
            approved=facts.approved and votes_kept,
            parent=parent,
        )

    @rule(change=names, footers=some_names)
    def edit_footers(self, change: str, footers: list[str]) -> None:
        others = tuple(footer for footer in footers if footer != change)
        self.edit(change, ev.ChangeEdited(change), depends_on=others)

    @rule(change=names)
    def abandon(self, change: str) -> None:
        self.edit(change, ev.Abandoned(change), status="abandoned")

    @rule(change=names)
    def restore(self, change: str) -> None:
        self.edit(change, ev.ChangeEdited(change), status="open")

    @rule(change=names)
    def merge_by_hand(self, change: str) -> None:
        if self.sim.changes[change].status == "open":
            self.sim.by_hand.add(change)
            self.sim.merge(change)
            self.tell(ev.ChangeEdited(change))

    @rule(project=st.sampled_from(PROJECTS))
    def push(self, project: str) -> None:
        self.sim.push(project, "main")
        self.tell(ev.TipMoved(project, "main"))

    @rule(change=names)
    def refuse_submit(self, change: str) -> None:
        self.sim.refused ^= {change}

    # Answers to what the gate asked for

    @precondition(lambda self: self.sim.preparing)
    @rule(number=numbers)
    def prepare(self, number: int) -> None:
        self.tell(self.sim.prepared(_pick(list(self.sim.preparing), number)))

    @precondition(lambda self: self.sim.preparing)
    @rule()
    def prepare_all(self) -> None:
        for state in list(self.sim.preparing):
            self.tell(self.sim.prepared(state))

    @precondition(lambda self: self.sim.preparing)
    @rule(number=numbers)
    def lose_state(self, number: int) -> None:
        self.tell(self.sim.lost(_pick(list(self.sim.preparing), number)))

    @precondition(lambda self: self.sim.running)
    @rule(number=numbers, result=st.sampled_from(["failure", "infra", "worker-lost", "timeout"]))
    def break_build(self, number: int, result: ev.Result) -> None:
        self.tell(self.sim.finished(_pick(self.sim.running, number), result))

    @precondition(lambda self: self.sim.running)
    @rule(number=numbers)
    def pass_build(self, number: int) -> None:
        self.tell(self.sim.finished(_pick(self.sim.running, number), "success"))

    @precondition(lambda self: self.sim.running)
    @rule()
    def pass_all_builds(self) -> None:
        for build in self.sim.running:
            if build in self.sim.running:
                self.tell(self.sim.finished(build, "success"))

    @precondition(lambda self: self.sim.running)
    @rule(number=numbers)
    def fail_early(self, number: int) -> None:
        build = _pick(self.sim.running, number)
        self.sim.runs[build].doomed = True
        self.tell(ev.EarlyFailure(build))

    @precondition(lambda self: self.sim.running)
    @rule(number=numbers)
    def refuse_worker(self, number: int) -> None:
        build = _pick(self.sim.running, number)
        self.sim.runs[build].result = "no-worker"
        self.tell(ev.NoWorker(build))

    @precondition(lambda self: self.sim.former)
    @rule(number=numbers, result=st.sampled_from(["success", "failure"]))
    def answer_late(self, number: int, result: ev.Result) -> None:
        self.tell(ev.BuildFinished(_pick(self.sim.former, number), result))

    @precondition(lambda self: self.sim.submits)
    @rule(number=numbers)
    def answer_submit(self, number: int) -> None:
        self.tell(self.sim.submitted(_pick(self.sim.submits, number)))

    # Operators

    @rule(change=names)
    def enqueue(self, change: str) -> None:
        self.tell(ev.Enqueue(change))

    @rule(change=names)
    def dequeue(self, change: str) -> None:
        self.tell(ev.Dequeue(change))

    @rule(changes=some_names)
    def promote(self, changes: list[str]) -> None:
        self.tell(ev.Promote(tuple(changes)))

    # The end

    def teardown(self) -> None:
        if not hasattr(self, "sim"):
            return
        sim = self.sim
        sim.conflicts.clear()
        sim.refused.clear()
        for _ in range(PATIENCE):
            if sim.preparing:
                self.tell(sim.prepared(next(iter(sim.preparing))))
            elif sim.running:
                self.tell(sim.finished(sim.running[0], "success"))
            elif sim.submits:
                self.tell(sim.submitted(sim.submits[0]))
            else:
                break
        waiting = [item.changes for item in sim.items]
        assert not waiting, f"nothing is asked for, and still these wait: {waiting}"


def _pick(choices: list[Any], number: int) -> Any:
    return choices[number % len(choices)]


TestAnythingHappens = AnythingHappens.TestCase
TestAnythingHappens.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, derandomize=True
)
