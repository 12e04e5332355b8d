"""The parts of Gerrit, Buildbot and time in a scenario, around the real gate."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, assert_never

from schedulers.gate import (
    ChangeFacts,
    Gate,
    GateConfig,
    Job,
    Parent,
    Project,
    QueueKind,
    WindowRule,
)
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

if TYPE_CHECKING:
    from tests.scenarios.format import ChangeSpec, ConfigSpec, EventStep, Scenario


class NotSupported(Exception):  # noqa: N818 - says what is the case
    """The scenario asks for something this gate does not do yet."""


@dataclass
class ServerChange:
    """A change as Gerrit has it."""

    spec: ChangeSpec
    patchset: int = 1
    status: str = "open"
    approved: bool = False
    wip: bool = False
    refused: bool = False


@dataclass
class World:
    """Everything around the gate; ``happen`` plays one event until all is at rest."""

    scenario: Scenario
    started: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    merged: list[list[str]] = field(default_factory=list)
    verdicts: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.config = gate_config(self.scenario.config)
        self.gate = Gate(self.config)
        self.changes = {name: _new(spec) for name, spec in self.scenario.changes.items()}
        self.running: dict[str, str] = {}  # build id -> change/job
        self.former: dict[str, list[str]] = {}  # change/job -> ids of builds that were cancelled
        self.no_worker: Counter[str] = Counter()

    def happen(self, step: EventStep) -> None:
        """Let an event happen."""
        for event in self._events(step):
            self._feed(event)

    def _feed(self, event: ev.Event) -> None:
        pending = [event]
        while pending:
            actions = self.gate.handle(pending.pop(0), self._facts())
            # What production keeps in a database must be all the gate needs.
            snapshot = json.loads(json.dumps(self.gate.snapshot()))
            self.gate = Gate.restore(self.config, snapshot)
            for action in actions:
                pending += self._do(action)

    def _facts(self) -> dict[str, ChangeFacts]:
        return {name: self._facts_of(name) for name in self.changes}

    def _facts_of(self, name: str) -> ChangeFacts:
        change = self.changes[name]
        spec = change.spec
        return ChangeFacts(
            id=name,
            project=spec.project,
            branch=spec.branch,
            patchset=change.patchset,
            revision=f"{name}.{change.patchset}",
            status=change.status,  # type: ignore[arg-type]
            approved=change.approved,
            wip=change.wip,
            parent=None if spec.parent is None else Parent(spec.parent, spec.parent_ps),
            depends_on=tuple(spec.depends_on),
            topic=spec.topic,
            tags=frozenset(spec.tags),
        )

    def _do(self, action: Action) -> list[ev.Event]:
        """Carry an action out; answers what comes of it at once."""
        match action:
            case PrepareState(state, changes):
                return [ev.StatePrepared(state, self._conflict([c.change for c in changes]))]
            case StartBuild(build, change, job, _, _):
                name = f"{change}/{job}"
                if self.no_worker[name] > 0:
                    self.no_worker[name] -= 1
                    return [ev.NoWorker(build)]
                self.started.append(name)
                self.running[build] = name
                return []
            case CancelBuild(build):
                name = self.running.pop(build)
                self.cancelled.append(name)
                self.former.setdefault(name, []).append(build)
                return []
            case Submit(item, changes, _):
                return [self._submit(item, [change.change for change in changes])]
            case Report(change, _, verdict, _, _):
                self.verdicts.setdefault(change, []).append(verdict)
                return []
            case Announce():
                return []
            case _:
                assert_never(action)

    def _submit(self, item: str, changes: list[str]) -> ev.Event:
        merged = []
        refused = None
        for name in changes:
            change = self.changes[name]
            if change.refused or change.status != "open" or not change.approved or change.wip:
                refused = f"the server refuses to merge {name}"
                break
            change.status = "merged"
            merged.append(name)
        if merged:
            self.merged.append(merged)
        return ev.SubmitFinished(item, tuple(merged), refused)

    def _conflict(self, changes: list[str]) -> str | None:
        """Two of the changes, or one and something merged, that do not go together."""
        there = [name for name, change in self.changes.items() if change.status == "merged"]
        for position, name in enumerate(changes):
            for other in (*there, *changes[:position]):
                if other != name and (
                    other in self.changes[name].spec.conflicts_with
                    or name in self.changes[other].spec.conflicts_with
                ):
                    return f"{name} does not merge with {other}"
        return None

    def _events(self, step: EventStep) -> list[ev.Event]:
        """What happens on the server, and what the gate is told of it."""
        names = [step.change] if step.change is not None else list(step.changes)
        match step.event:
            case "approve":
                for name in names:
                    self.changes[name].approved = True
                return [ev.Approved(name) for name in names if step.trigger]
            case "unapprove":
                for name in names:
                    self.changes[name].approved = False
                return [ev.ChangeEdited(name) for name in names if step.trigger]
            case "comment":
                return [ev.ChangeEdited(name) for name in names]
            case "set-wip":
                self.changes[names[0]].wip = step.value
                return [ev.ChangeEdited(names[0])]
            case "new-patchset":
                return [self._new_patch_set(names[0], step)]
            case "new-change":
                assert step.spec is not None, "new-change needs a spec"
                self.changes[names[0]] = _new(step.spec)
                return []
            case "edit-deps":
                spec = self.changes[names[0]].spec
                update = {"depends_on": step.depends_on or []}
                self.changes[names[0]].spec = spec.model_copy(update=update)
                return [ev.ChangeEdited(names[0])]
            case "abandon":
                self.changes[names[0]].status = "abandoned"
                return [ev.Abandoned(names[0])]
            case "restore":
                self.changes[names[0]].status = "open"
                return [ev.ChangeEdited(names[0])]
            case "merged-externally":
                self.changes[names[0]].status = "merged"
                return [ev.ChangeEdited(names[0])]
            case "tip-moved":
                assert step.project is not None, "tip-moved needs a project"
                return [ev.TipMoved(step.project, step.branch)]
            case "submit-will-be-refused" | "submit-ok-again":
                for name in names:
                    self.changes[name].refused = step.event == "submit-will-be-refused"
                return []
            case "build-result":
                return self._results(names[0], step.job, step.result)
            case "build-results":
                return [
                    event
                    for r in step.results
                    for event in self._results(r.change, r.job, r.result)
                ]
            case "early-failure":
                return [ev.EarlyFailure(build) for build in self._builds(names[0], step.job)]
            case "stale-result":
                former = self.former[f"{names[0]}/{step.job}"][-1]
                return [ev.BuildFinished(former, step.result or "failure")]
            case "no-worker":
                self.no_worker[f"{names[0]}/{step.job}"] += 1
                return []
            case "enqueue":
                return [ev.Enqueue(names[0])]
            case "dequeue":
                return [ev.Dequeue(names[0])]
            case "promote":
                return [ev.Promote(tuple(names))]
            case "restart":
                snapshot = json.loads(json.dumps(self.gate.snapshot()))
                self.gate = Gate.restore(self.config, snapshot)
                return []
            case _:
                assert_never(step.event)

    def _new_patch_set(self, name: str, step: EventStep) -> ev.Event:
        change = self.changes[name]
        change.patchset += 1
        change.approved = change.approved and step.votes_kept
        updates: dict[str, Any] = {}
        for key in ("parent", "parent_ps", "depends_on", "conflicts_with"):
            if key in step.model_fields_set:
                updates[key] = getattr(step, key)
        if "parent" in updates and "parent_ps" not in updates and updates["parent"]:
            updates["parent_ps"] = self.changes[updates["parent"]].patchset
        change.spec = change.spec.model_copy(update=updates)
        return ev.NewPatchSet(name)

    def _results(self, change: str, job: str | None, result: Any) -> list[ev.Event]:
        builds = self._builds(change, job)
        for build in builds:
            del self.running[build]
        return [ev.BuildFinished(build, result) for build in builds]

    def _builds(self, change: str, job: str | None) -> list[str]:
        wanted = [
            build
            for build, name in self.running.items()
            if name.rpartition("/")[0] == change and job in (None, name.rpartition("/")[2])
        ]
        if not wanted:
            raise LookupError(f"no build of {change}{'/' + job if job else ''} is running")
        return wanted


def gate_config(spec: ConfigSpec) -> GateConfig:
    """The gate's configuration that a scenario describes."""
    if spec.lanes:
        raise NotSupported("lanes are not there yet")
    if any(job.scope == "batch" for jobs in spec.jobs.values() for job in jobs):
        raise NotSupported("batch jobs are not there yet")
    return GateConfig(
        projects={
            name: Project(project.queue, project.in_gate, tuple(project.builds_with))
            for name, project in spec.projects.items()
        },
        queues={
            name: QueueKind(queue.type == "per-branch", queue.allow_cycles, queue.by_topic)
            for name, queue in spec.queues.items()
        },
        jobs={
            name: tuple(
                Job(
                    job.name,
                    job.voting,
                    tuple(job.after),
                    job.hold_following,
                    tuple(job.provides),
                    tuple(job.requires),
                    tuple(job.inputs),
                )
                for job in jobs
            )
            for name, jobs in spec.jobs.items()
        },
        window=WindowRule(
            spec.window.initial,
            spec.window.floor,
            spec.window.ceiling,
            spec.window.increase,
            spec.window.decrease,
        ),
        attempts=spec.attempts,
        fail_fast=spec.fail_fast,
        require_tags=frozenset(spec.require_tags),
        max_changes=spec.max_changes,
        restart_on_tip_move=spec.on_tip_move == "restart",
        max_lost=spec.max_lost,
        confirm=spec.confirm,
        hold_failed_depth=spec.hold_failed_depth,
    )


def _new(spec: ChangeSpec) -> ServerChange:
    return ServerChange(spec, status=spec.status or "open", wip=spec.wip)
