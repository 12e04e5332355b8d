"""How a gate is set up: projects, queues, jobs, window, and which improvements are on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

# What a job's result depends on: its own project's tree, those its packages build with, or all.
Input = Literal["own", "builds_with", "all"]
Step = tuple[Literal["linear", "exponential"], int]


@dataclass(frozen=True)
class Job:
    """Something that is run for each change of a queue item."""

    name: str
    voting: bool = True
    after: tuple[str, ...] = ()
    hold_following: bool = False  # items behind start nothing before it has passed
    provides: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()  # waits for jobs ahead that provide these
    inputs: tuple[Input, ...] = ()  # none named: everything is run again after a reset


@dataclass(frozen=True)
class Project:
    """A project and the queue its changes line up in (one of its own by default)."""

    queue: str | None = None
    in_gate: bool = True
    builds_with: tuple[str, ...] = ()


@dataclass(frozen=True)
class QueueKind:
    """What changes lined up together have in common."""

    per_branch: bool = False
    allow_cycles: bool = False
    by_topic: bool = False


@dataclass(frozen=True)
class WindowRule:
    """How many items at the front are built; 0 means all of them, always."""

    initial: int = 20
    floor: int = 3
    ceiling: int | None = None
    increase: Step = ("linear", 1)  # for each item merged
    decrease: Step = ("exponential", 2)  # for each item reported as not passed

    def grown(self, window: int) -> int:
        """The window after a merge."""
        kind, amount = self.increase
        larger = window + amount if kind == "linear" else window * amount
        return window if window == 0 else min(larger, self.ceiling or larger)

    def shrunk(self, window: int) -> int:
        """The window after a failure."""
        kind, amount = self.decrease
        smaller = window - amount if kind == "linear" else int(window / amount)
        return window if window == 0 else max(smaller, self.floor)


@dataclass(frozen=True)
class GateConfig:
    """Everything a gate decides by. The last group are improvements on the classic gate."""

    projects: dict[str, Project]
    queues: dict[str, QueueKind] = field(default_factory=dict)
    jobs: dict[str, tuple[Job, ...]] = field(default_factory=dict)  # by project, or "default"
    window: WindowRule = WindowRule()
    attempts: int = 3  # of a build whose infrastructure fails
    fail_fast: bool = False
    require_tags: frozenset[str] = frozenset()
    max_changes: int | None = None

    restart_on_tip_move: bool = False
    max_lost: int | None = None  # workers or states lost before the item leaves, None: no limit
    confirm: int = 0  # times a failed build is run again before it counts
    hold_failed_depth: int = 0  # items behind a failed one whose success would clear it

    def jobs_of(self, project: str) -> tuple[Job, ...]:
        """The jobs a change of a project runs."""
        return self.jobs.get(project, self.jobs.get("default", (Job("t"),)))

    def queue_of(self, project: str, branch: str) -> str | None:
        """The queue a change lines up in; None for a project that is not gated."""
        settings = self.projects.get(project)
        if settings is None or not settings.in_gate:
            return None
        name = settings.queue or project
        return f"{name}/{branch}" if self.kind_of(name).per_branch else name

    def kind_of(self, queue: str) -> QueueKind:
        """The settings of a queue, with or without its branch in the name."""
        return self.queues.get(queue) or self.queues.get(queue.partition("/")[0], QueueKind())
