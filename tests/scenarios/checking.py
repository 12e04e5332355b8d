"""Comparing what a scenario expects with what the gate and the world around it show."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from schedulers.gate.view import view

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.scenarios.format import Expected
    from tests.scenarios.players import World


def differences(expected: Expected, world: World) -> Iterator[str]:
    """Each key that is not as expected, as ``key: expected … got …``."""
    for key in expected.model_fields_set - {"note"}:
        wanted = getattr(expected, key)
        got = _ACTUAL[key](world, wanted)
        if not _SAME.get(key, _equal)(wanted, got):
            yield f"{key}: expected {wanted} got {got}"
    world.started.clear()
    world.cancelled.clear()


def _queues(world: World, _wanted: Any) -> dict[str, list[Any]]:
    return {
        name: [item.changes if len(item.changes) > 1 else item.changes[0] for item in queue.items]
        for name, queue in world.gate.state.queues.items()
        if queue.items
    }


def _ahead(world: World, wanted: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    state = world.gate.state
    for change in wanted:
        place = state.find(change)
        if place is None:
            found[change] = "not in a queue"
            continue
        below = []
        for item in state.below(place[1]):
            left = [c for c in item.changes if world.changes[c].status != "merged"]
            if left:
                below.append(left if len(item.changes) > 1 else left[0])
        found[change] = below
    return found


def _items(world: World, key: str) -> list[str]:
    return [
        change
        for queue in view(world.gate)["queues"]
        for item in queue["items"]
        if item[key]
        for change in item["changes"]
    ]


def _verdict_fits(wanted: str, got: str | None) -> bool:
    return wanted == got or (wanted == "failure" and (got or "").startswith("failure:"))


def _reported_same(wanted: dict[str, str], got: dict[str, str | None]) -> bool:
    return all(_verdict_fits(verdict, got[change]) for change, verdict in wanted.items())


def _groups(groups: list[Any]) -> list[Any]:
    """Lists within lists stand for any order."""
    return [sorted(group) if isinstance(group, list) else group for group in groups]


def _merged_same(wanted: list[Any], got: list[list[str]]) -> bool:
    flat = [change for group in got for change in group]
    position = 0
    for group in wanted:
        members = group if isinstance(group, list) else [group]
        if Counter(flat[position : position + len(members)]) != Counter(members):
            return False
        position += len(members)
    return position == len(flat)


def _equal(wanted: Any, got: Any) -> bool:
    return bool(wanted == got)


def _same_set(wanted: list[str], got: list[str]) -> bool:
    return Counter(wanted) == Counter(got)


def _same_lists(wanted: dict[str, list[Any]], got: dict[str, Any]) -> bool:
    return wanted.keys() == got.keys() and all(
        isinstance(got[name], list) and _groups(groups) == _groups(got[name])
        for name, groups in wanted.items()
    )


_ACTUAL: dict[str, Any] = {
    "queues": _queues,
    "ahead": _ahead,
    "running": lambda world, _: sorted(world.running.values()),
    "started": lambda world, _: sorted(world.started),
    "cancelled": lambda world, _: sorted(world.cancelled),
    "failing": lambda world, _: _items(world, "failing"),
    "active": lambda world, _: _items(world, "active"),
    "window": lambda world, wanted: {
        name: world.gate.state.queue(name, world.config.window).window for name in wanted
    },
    "merged": lambda world, _: list(world.merged),
    "reported": lambda world, wanted: {
        change: (world.verdicts.get(change) or [None])[-1] for change in wanted
    },
    "not_reported": lambda world, wanted: [
        change for change in wanted if change not in world.verdicts
    ],
    "report_count": lambda world, wanted: {
        change: len(world.verdicts.get(change, [])) for change in wanted
    },
}
_SAME: dict[str, Any] = {
    "queues": _same_lists,
    "ahead": _same_lists,
    "running": _same_set,
    "started": _same_set,
    "cancelled": _same_set,
    "failing": _same_set,
    "active": _same_set,
    "merged": _merged_same,
    "reported": _reported_same,
    "not_reported": _same_set,
}
