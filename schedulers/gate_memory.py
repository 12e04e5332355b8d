"""What a gate's scheduler must remember beside the machine: where builds are, what they made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from pydantic import TypeAdapter

from schedulers.requests import PatchSet  # noqa: TC001 - read when restored

if TYPE_CHECKING:
    from schedulers.gate import Gate


_BUILDS_KEPT = 500  # the newest; reports still look for builds of items that have left


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
class Memory:
    """Kept in Buildbot's database as JSON."""

    states: dict[str, State] = field(default_factory=dict)
    builds: dict[str, Started] = field(default_factory=dict)
    packages: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)  # by change
    tips: dict[str, str] = field(default_factory=dict)  # after our own merges
    publications: list[dict[str, Any]] = field(default_factory=list)  # to be started
    # Test repositories of what has merged, by publication, until the release repository has it.
    unpublished: dict[str, dict[str, Any]] = field(default_factory=dict)
    told: dict[str, list[Any]] = field(default_factory=dict)  # change -> patch set, verdict

    def started(self, build: str, change: str, job: str, builders: dict[str, str]) -> None:
        """Note where a build runs."""
        self.builds[build] = Started(change, job, builders)

    def keep_only(self, gate: Gate) -> None:
        """Forget what no item of the gate refers to any more."""
        items = [item for queue in gate.state.queues.values() for item in queue.items]
        states = {item.state for item in items}
        self.states = {name: state for name, state in self.states.items() if name in states}
        for name in list(self.builds)[:-_BUILDS_KEPT]:
            del self.builds[name]
        changes = {change for item in items for change in item.changes}
        self.packages = {c: made for c, made in self.packages.items() if c in changes}

    def dump(self) -> Any:
        """For the database."""
        return _MEMORY.dump_python(self, mode="json")

    @classmethod
    def restore(cls, saved: Any) -> Self:
        """What :meth:`dump` made, or nothing yet."""
        return cls() if saved is None else _MEMORY.validate_python(saved)  # type: ignore[return-value]


_MEMORY = TypeAdapter(Memory)
