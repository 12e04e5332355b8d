"""What a gate's scheduler must remember beside the machine: where builds are, what they made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from pydantic import TypeAdapter

from schedulers.gate.actions import Report  # noqa: TC001 - read when restored
from schedulers.requests import PatchSet  # noqa: TC001 - read when restored

if TYPE_CHECKING:
    from schedulers.gate import Gate

_BUILDS_KEPT = 500  # the newest; reports still look for builds of items that have left
_TOLD_KEPT = 1000  # the newest; who was told long ago may be told again


@dataclass
class Started:
    """One of the machine's builds: which builders run it, by package."""

    change: str
    job: str
    builders: dict[str, str]


@dataclass
class State:
    """A speculative state: what was asked for, and the tip and tree each project came to."""

    changes: list[PatchSet]
    projects: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Publication:
    """A package of a change that has merged, until the release repository has it."""

    package: str
    patch_set: PatchSet
    handed_on: dict[str, Any]
    """Properties for the publish build, from the gate's builds and the merge."""
    attempt: int = 1
    failed: bool = False
    """It cannot be published as it is; what it built is still needed from its test repository."""

    @property
    def name(self) -> str:
        """What the work of this attempt is called."""
        again = "" if self.attempt == 1 else f"~{self.attempt}"
        return f"p{self.patch_set.label}{again}"

    @property
    def test_repository(self) -> dict[str, Any] | None:
        """Where clients find it meanwhile."""
        return self.handed_on.get("test_repository")


@dataclass
class Memory:
    """Kept in Buildbot's database as JSON, together with the machine's own snapshot."""

    states: dict[str, State] = field(default_factory=dict)
    builds: dict[str, Started] = field(default_factory=dict)
    packages: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    """What was built, by change and package."""
    tips: dict[str, str] = field(default_factory=dict)
    """Where our own merges left the projects' branches."""
    publications: list[Publication] = field(default_factory=list)
    """In merge order."""
    untold: list[Report] = field(default_factory=list)
    told: dict[str, list[Any]] = field(default_factory=dict)
    """Patch set and verdict that the author of a change was told last."""

    def started(self, build: str, change: str, job: str, builders: dict[str, str]) -> None:
        """Note where a build runs."""
        self.builds[build] = Started(change, job, builders)

    def has_told(self, report: Report) -> None:
        """Note that an author knows."""
        self.untold.remove(report)
        self.told.pop(report.change, None)
        self.told[report.change] = [report.patchset, report.verdict]

    def is_told(self, report: Report) -> bool:
        """Whether the author was told just this last."""
        return self.told.get(report.change) == [report.patchset, report.verdict]

    def keep_only(self, gate: Gate) -> None:
        """Forget what no item of the gate refers to any more."""
        items = [item for queue in gate.state.queues.values() for item in queue.items]
        states = {item.state for item in items}
        self.states = {name: state for name, state in self.states.items() if name in states}
        self.builds = dict(list(self.builds.items())[-_BUILDS_KEPT:])
        self.told = dict(list(self.told.items())[-_TOLD_KEPT:])
        changes = {change for item in items for change in item.changes}
        self.packages = {c: made for c, made in self.packages.items() if c in changes}

    def dump(self) -> Any:
        """For the database."""
        return _MEMORY.dump_python(self, mode="json")

    @classmethod
    def restore(cls, saved: Any) -> Self:
        """What :meth:`dump` made."""
        return _MEMORY.validate_python(saved)  # type: ignore[return-value]


_MEMORY = TypeAdapter(Memory)
