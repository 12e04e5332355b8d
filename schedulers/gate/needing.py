"""Whether an item still has what it needs: questions about the queue and the facts. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schedulers.gate.dependencies import cycle_of, needs
from schedulers.gate.facts import look_up

if TYPE_CHECKING:
    from schedulers.gate.config import GateConfig
    from schedulers.gate.facts import Facts
    from schedulers.gate.items import GateState, Item, Queue


class Needing:
    """Looks at what the changes of items need, as they are known now."""

    def __init__(self, config: GateConfig, state: GateState, facts: Facts) -> None:
        self.config = config
        self.state = state
        self.facts = facts

    def cycle_changed(self, item: Item) -> bool:
        """Whether its changes are not those any more that must merge together."""
        known = {**self.facts, **self.state.known}
        now = cycle_of(item.changes[0], known, self.config)
        present = [c for c in now if self.state.known.get(c, look_up(known, c)).status == "open"]
        open_members = [c for c in item.changes if self.state.known[c].status == "open"]
        return bool(open_members) and set(present) != set(open_members)

    def missing(self, queue: Queue, item: Item) -> list[str]:
        """Needed changes that are neither merged, nor in the item, nor ahead in the queue."""
        position = queue.items.index(item)
        ahead = {change for other in queue.items[:position] for change in other.changes}
        known = {**self.facts, **self.state.known}
        missing = []
        for change in item.changes:
            facts = self.state.known[change]
            for need in needs(facts, known, self.config):
                if need in item.changes:
                    continue
                wanted = look_up(known, need)
                outdated = (
                    facts.parent is not None
                    and facts.parent.change == need
                    and facts.parent.patchset != wanted.patchset
                )
                if wanted.status != "merged" and (need not in ahead or outdated):
                    missing.append(need)
        return missing

    def is_failing(self, item: Item) -> bool:
        """Whether what it needs is in the queue, and not going to merge as it is."""
        known = {**self.facts, **self.state.known}
        for change in item.changes:
            for need in needs(self.state.known[change], known, self.config):
                found = self.state.find(need)
                if found is not None and found[1] is not item and found[1].failing:
                    return True
        return False
