"""What a gate asks for on behalf of its items, in the words of :mod:`schedulers.gate.actions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schedulers.gate.actions import PrepareState, StartBuild, Submit, Tested

if TYPE_CHECKING:
    from schedulers.gate.items import Build, GateState, Item


class Asking:
    """Puts an item's wishes into actions; the same item wishes the same until it is changed."""

    def __init__(self, state: GateState) -> None:
        self.state = state

    def for_state(self, item: Item) -> PrepareState:
        """Its speculative state: what is below it, then itself."""
        below = [change for other in self.state.below(item) for change in other.changes]
        own = [self._tested(change) for change in item.changes]
        return PrepareState(str(item.state), (*self._unmerged(below), *own))

    def for_build(self, item: Item, build: Build) -> StartBuild:
        """One of its builds."""
        return StartBuild(
            build.id, build.change, build.job, str(item.state), self.changes_below(item)
        )

    def for_merge(self, item: Item) -> Submit:
        """Its merge."""
        return Submit(item.id, self._unmerged(item.changes), str(item.state))

    def changes_below(self, item: Item) -> tuple[str, ...]:
        """The changes it is built on that have not merged, oldest first."""
        below = [change for other in self.state.below(item) for change in other.changes]
        return tuple(tested.change for tested in self._unmerged(below))

    def _unmerged(self, changes: list[str]) -> tuple[Tested, ...]:
        return tuple(
            self._tested(change)
            for change in changes
            if self.state.known[change].status != "merged"
        )

    def _tested(self, change: str) -> Tested:
        facts = self.state.known[change]
        return Tested(change, facts.project, facts.branch, facts.patchset, facts.revision)
