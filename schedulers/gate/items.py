"""The gate's state: queues of items, each with the builds of its present speculative state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from schedulers.gate.facts import ChangeFacts  # noqa: TC001 - read when a snapshot is restored

if TYPE_CHECKING:
    from schedulers.gate.config import WindowRule

BuildResult = Literal["success", "failure", "cancelled"]
Departure = Literal["new-patchset", "abandoned", "dequeue"]


@dataclass
class Build:
    """One run of a job for one change."""

    id: str
    change: str
    job: str
    inputs: str | None  # what its result depends on; None: on everything, and never kept
    result: BuildResult | None = None  # None while it runs
    doomed: bool = False  # runs on, but can only fail
    attempt: int = 1
    lost: int = 0
    confirmations: int = 0

    @property
    def failed(self) -> bool:
        """Whether it counts against its change."""
        return self.doomed or self.result == "failure"


@dataclass
class Item:
    """Changes that are merged together: one, or all those of a dependency cycle.

    ``ahead`` is the item it is built on. The queue's list is the merge order; these links are a
    tree, in which nothing hangs behind a failing item for long.
    """

    id: str
    changes: list[str]
    ahead: str | None = None
    state: str | None = None  # of its present builds; None: not asked for yet
    prepared: bool = False
    conflict: str | None = None
    builds: dict[str, Build] = field(default_factory=dict)  # by "change/job"
    carried: dict[str, Build] = field(default_factory=dict)  # of the state before, maybe still good
    failing: list[str] = field(default_factory=list)  # reasons why it will not merge as it is
    cleared: bool = False  # failed, but what is on top of it passed
    announced: bool = False
    submitting: bool = False
    deferred: list[tuple[Departure, str]] = field(default_factory=list)  # till submit is answered
    lost: int = 0  # states in a row that the infrastructure failed to make
    infrastructure: bool = False  # it failed too often


@dataclass
class Queue:
    """The items of one queue and how many of them are built."""

    name: str
    window: int
    items: list[Item] = field(default_factory=list)


@dataclass
class GateState:
    """All a gate remembers."""

    queues: dict[str, Queue] = field(default_factory=dict)
    known: dict[str, ChangeFacts] = field(default_factory=dict)  # of the changes in queues
    bases: dict[str, str] = field(default_factory=dict)  # what has merged, by "project/branch"
    next_number: int = 1

    def queue(self, name: str, rule: WindowRule) -> Queue:
        """A queue by its name, begun when it is first needed."""
        return self.queues.setdefault(name, Queue(name, rule.initial))

    def find(self, change: str) -> tuple[Queue, Item] | None:
        """Where a change is."""
        for queue in self.queues.values():
            for item in queue.items:
                if change in item.changes:
                    return queue, item
        return None

    def item(self, item_id: str | None) -> Item | None:
        """An item by its id."""
        items = (item for queue in self.queues.values() for item in queue.items)
        return next((item for item in items if item.id == item_id), None)

    def below(self, item: Item) -> list[Item]:
        """The items an item is built on, oldest first."""
        chain = []
        here = self.item(item.ahead)
        while here is not None:
            chain.append(here)
            here = self.item(here.ahead)
        return chain[::-1]

    def behind(self, item: Item) -> list[Item]:
        """The items directly built on an item."""
        return [
            other
            for queue in self.queues.values()
            for other in queue.items
            if other.ahead == item.id
        ]

    def number(self, prefix: str) -> str:
        """A name never used before."""
        name = f"{prefix}{self.next_number}"
        self.next_number += 1
        return name
