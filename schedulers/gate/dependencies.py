"""Which changes need which: git parents, footers, topics, and the cycles they form. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schedulers.gate.facts import look_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from schedulers.gate.config import GateConfig
    from schedulers.gate.facts import ChangeFacts, Facts


def needs(change: ChangeFacts, facts: Facts, config: GateConfig) -> list[str]:
    """Changes that must be merged before or with a change, git parent first."""
    found = [] if change.parent is None else [change.parent.change]
    found += change.depends_on
    queue = config.queue_of(change.project, change.branch)
    if change.topic and queue is not None and config.kind_of(queue).by_topic:
        found += sorted(
            other.id
            for other in facts.values()
            if other.topic == change.topic and other.id != change.id and other.status == "open"
        )
    return list(dict.fromkeys(found))


def open_needs(change: ChangeFacts, facts: Facts, config: GateConfig) -> list[str]:
    """Those of :func:`needs` that have not merged."""
    return [
        need for need in needs(change, facts, config) if look_up(facts, need).status != "merged"
    ]


def cycle_of(change: str, facts: Facts, config: GateConfig) -> list[str]:
    """The changes that need each other, a change's own cycle; itself alone if it is in none.

    The strongly connected component (Tarjan 1972) of the change, git parents before children.
    """

    def successors(node: str) -> list[str]:
        facts_of = look_up(facts, node)
        return [] if facts_of.status == "merged" else open_needs(facts_of, facts, config)

    component = _component(change, successors)
    return _parents_first(component, facts)


def needed_by(change: str, facts: Facts, config: GateConfig) -> list[str]:
    """Open changes that directly need a change, in the order of their ids."""
    return [
        other.id
        for other in sorted(facts.values(), key=lambda f: (len(f.id), f.id))
        if other.status == "open" and other.id != change and change in needs(other, facts, config)
    ]


def _component(start: str, successors: Callable[[str], list[str]]) -> list[str]:
    """Tarjan's algorithm from one node, without recursion; answers that node's component."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    work: list[tuple[str, Iterable[str]]] = []
    component: list[str] = []

    def enter(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        on_stack.add(node)
        work.append((node, iter(successors(node))))

    enter(start)
    while work:
        node, rest = work[-1]
        following = next(iter(rest), None)
        if following is not None:
            if following not in index:
                enter(following)
            elif following in on_stack:
                low[node] = min(low[node], index[following])
            continue
        work.pop()
        if work:
            low[work[-1][0]] = min(low[work[-1][0]], low[node])
        if low[node] == index[node]:
            component = []
            while not component or component[-1] != node:
                component.append(stack.pop())
                on_stack.discard(component[-1])
    return component


def _parents_first(changes: list[str], facts: Facts) -> list[str]:
    ordered: list[str] = []

    def add(change: str) -> None:
        parent = look_up(facts, change).parent
        if parent is not None and parent.change in changes and parent.change not in ordered:
            add(parent.change)
        if change not in ordered:
            ordered.append(change)

    for change in sorted(changes):
        add(change)
    return ordered
