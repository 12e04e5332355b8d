"""The language of gate scenarios, as pydantic models: an unknown key is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

if TYPE_CHECKING:
    from pathlib import Path

Change = str
Group = Change | list[Change]


class Part(BaseModel):
    """Any object of a scenario."""

    model_config = ConfigDict(extra="forbid")


class ProjectSpec(Part):
    queue: str | None = None
    in_gate: bool = True
    builds_with: list[str] = []


class QueueSpec(Part):
    type: Literal["all-branches", "per-branch"] = "all-branches"
    allow_cycles: bool = False
    by_topic: bool = False


class WindowSpec(Part):
    initial: int = 20
    floor: int = 3
    ceiling: int | None = None
    increase: tuple[Literal["linear", "exponential"], int] = ("linear", 1)
    decrease: tuple[Literal["linear", "exponential"], int] = ("exponential", 2)


class JobSpec(Part):
    name: str
    voting: bool = True
    after: list[str] = []
    hold_following: bool = False
    provides: list[str] = []
    requires: list[str] = []
    inputs: list[Literal["own", "builds_with", "all"]] = []
    scope: Literal["change", "batch"] = "change"


class ConfigSpec(Part):
    projects: dict[str, ProjectSpec]
    queues: dict[str, QueueSpec] = {}
    window: WindowSpec = WindowSpec()
    jobs: dict[str, list[JobSpec]] = {}
    attempts: int = 3
    fail_fast: bool = False
    require_tags: list[str] = []
    max_changes: int | None = None
    on_tip_move: Literal["restart"] | None = None
    hold_failed_depth: int = 0
    max_lost: int | None = None
    confirm: int = 0
    lanes: bool = False


class ChangeSpec(Part):
    project: str
    branch: str = "main"
    parent: Change | None = None
    parent_ps: int = 1
    depends_on: list[Change] = []
    topic: str | None = None
    tags: list[str] = []
    conflicts_with: list[Change] = []
    status: Literal["merged", "abandoned"] | None = None
    wip: bool = False
    targets: list[str] = []
    dirs: list[str] = []


EventName = Literal[
    "approve",
    "unapprove",
    "comment",
    "set-wip",
    "new-patchset",
    "new-change",
    "edit-deps",
    "abandon",
    "restore",
    "merged-externally",
    "tip-moved",
    "submit-will-be-refused",
    "submit-ok-again",
    "build-result",
    "build-results",
    "early-failure",
    "stale-result",
    "no-worker",
    "enqueue",
    "dequeue",
    "promote",
    "restart",
]
ResultName = Literal["success", "failure", "infra", "worker-lost", "timeout"]


class OneResult(Part):
    change: Change
    job: str | None = None
    result: ResultName


class EventStep(Part):
    event: EventName
    note: str | None = None
    change: Change | None = None
    changes: list[Change] = []
    trigger: bool = True
    value: bool = True
    parent: Change | None = None
    parent_ps: int | None = None
    depends_on: list[Change] | None = None
    conflicts_with: list[Change] | None = None
    votes_kept: bool = False
    spec: ChangeSpec | None = None
    project: str | None = None
    branch: str = "main"
    job: str | None = None
    result: ResultName | None = None
    results: list[OneResult] = []


class Expected(Part):
    note: str | None = None
    queues: dict[str, list[Group]] | None = None
    ahead: dict[Change, list[Group]] | None = None
    running: list[str] | None = None
    started: list[str] | None = None
    cancelled: list[str] | None = None
    failing: list[Change] | None = None
    active: list[Change] | None = None
    window: dict[str, int] | None = None
    merged: list[Group] | None = None
    reported: dict[Change, str] | None = None
    not_reported: list[Change] | None = None
    report_count: dict[Change, int] | None = None


class ExpectStep(Part):
    expect: Expected


class Scenario(Part):
    id: str
    source: str
    policy: Literal["nearest-non-failing", "improved"]
    title: str
    note: str | None = None
    config: ConfigSpec
    changes: dict[Change, ChangeSpec]
    steps: list[EventStep | ExpectStep]

    @field_validator("steps", mode="before")
    @classmethod
    def _tell_steps_apart(cls, steps: Any) -> Any:
        """Choose by the key, so that an error speaks of the step that was meant."""
        if not isinstance(steps, list):
            return steps
        return [
            ExpectStep.model_validate(step) if "expect" in step else EventStep.model_validate(step)
            for step in steps
        ]


class ScenarioFile(Part):
    version: Literal[1]
    note: str | None = None
    scenarios: list[Scenario] = Field(min_length=1)


def read(path: Path) -> list[Scenario]:
    """The scenarios of a file; raises pydantic's ValidationError naming the wrong place."""
    return ScenarioFile.model_validate_json(path.read_bytes()).scenarios
