"""A gate's queues as people and pages want to see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schedulers.gate.machine import Gate


def view(gate: Gate) -> dict[str, Any]:
    """Every queue in its order: what each item is built on, what runs, what speaks against it."""
    state = gate.state
    return {
        "queues": [
            {
                "name": queue.name,
                "window": queue.window,
                "items": [
                    {
                        "changes": item.changes,
                        "ahead": [c for other in state.below(item) for c in other.changes],
                        "running": [
                            f"{build.change}/{build.job}"
                            for build in item.builds.values()
                            if build.result is None
                        ],
                        "failing": item.failing,
                        "active": queue.window == 0 or position < queue.window,
                        "merging": item.submitting,
                    }
                    for position, item in enumerate(queue.items)
                ],
            }
            for queue in state.queues.values()
            if queue.items
        ]
    }
