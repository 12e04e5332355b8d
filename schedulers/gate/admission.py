"""Who gets into a queue, and what comes along: needed changes in front, dependants behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from schedulers.gate.dependencies import cycle_of, needed_by, needs
from schedulers.gate.facts import look_up
from schedulers.gate.items import Item

if TYPE_CHECKING:
    from schedulers.gate.actions import Verdict
    from schedulers.gate.config import GateConfig
    from schedulers.gate.facts import Facts
    from schedulers.gate.items import GateState


@dataclass(frozen=True)
class Refusal:
    """Why a change was not let in, where its author must be told."""

    change: str
    verdict: Verdict
    reason: str


class Admission:
    """Adds items to a gate's queues."""

    def __init__(self, config: GateConfig, state: GateState) -> None:
        self.config = config
        self.state = state
        self._refusals: list[Refusal] = []

    def admit(self, change: str, facts: Facts, *, by_operator: bool) -> list[Refusal]:
        """Let a change in if it may; answers refusals worth telling.

        A change that is not ready yet is passed over in silence: it comes back with the vote that
        makes it ready. ``by_operator`` leaves out the pipeline's own requirements, not Gerrit's.
        """
        self._refusals = []
        self._add(change, facts, by_operator=by_operator, path=())
        return self._refusals

    def _add(self, change: str, facts: Facts, *, by_operator: bool, path: tuple[str, ...]) -> bool:
        if self.state.find(change) is not None:
            return True
        if change in path:
            return False
        own = look_up(facts, change)
        queue_name = self.config.queue_of(own.project, own.branch)
        if queue_name is None or own.status != "open":
            return False
        members = cycle_of(change, facts, self.config)
        if not by_operator and not all(
            self.config.require_tags <= look_up(facts, member).tags for member in members
        ):
            return False
        if not all(look_up(facts, member).mergeable for member in members):
            return False
        if not self._allowed(change, members, queue_name, facts):
            return False
        if not self._needed_ahead(members, queue_name, facts, by_operator, (*path, *members)):
            return False
        if self.state.find(change) is not None:
            return True  # it came along behind what it needs
        queue = self.state.queue(queue_name, self.config.window)
        last = queue.items[-1].id if queue.items else None
        item = Item(self.state.number("i"), members, ahead=last)
        queue.items.append(item)
        for member in members:
            self.state.known[member] = look_up(facts, member)
        self._dependants_behind(members, queue_name, facts)
        return True

    def _allowed(self, change: str, members: list[str], queue_name: str, facts: Facts) -> bool:
        if len(members) > 1:
            kinds = {
                self.config.queue_of(look_up(facts, m).project, look_up(facts, m).branch)
                for m in members
            }
            if kinds != {queue_name}:
                self._refuse(change, "failure:no-shared-queue", "its cycle spans several queues")
                return False
            if not self.config.kind_of(queue_name).allow_cycles:
                self._refuse(
                    change, "failure:cycle-forbidden", "it is in a dependency cycle; break it up"
                )
                return False
        held = sum(len(i.changes) for q in self.state.queues.values() for i in q.items)
        limit = self.config.max_changes
        if limit is not None and held + len(members) > limit:
            self._refuse(change, "failure:queue-full", f"the gate holds {limit} changes at most")
            return False
        return True

    def _needed_ahead(
        self,
        members: list[str],
        queue_name: str,
        facts: Facts,
        by_operator: bool,  # noqa: FBT001 - handed through
        path: tuple[str, ...],
    ) -> bool:
        """Put in front what the members need; False when something of it cannot come."""
        wanted = []
        for member in members:
            own = look_up(facts, member)
            for need in needs(own, facts, self.config):
                other = look_up(facts, need)
                if need in members or other.status == "merged":
                    continue
                if self.config.queue_of(other.project, other.branch) != queue_name:
                    self._refuse(
                        member,
                        "failure:no-shared-queue",
                        f"it needs {need}, which does not share a queue with it",
                    )
                    return False
                outdated = own.parent is not None and (
                    own.parent.change == need and own.parent.patchset != other.patchset
                )
                if outdated:
                    return False
                wanted.append(need)
        return all(self._add(need, facts, by_operator=by_operator, path=path) for need in wanted)

    def _dependants_behind(self, members: list[str], queue_name: str, facts: Facts) -> None:
        """Let those follow that waited for a member; requirements hold for them."""
        for member in members:
            for dependant in needed_by(member, facts, self.config):
                other = look_up(facts, dependant)
                same = self.config.queue_of(other.project, other.branch) == queue_name
                if same and dependant not in members:
                    self._add(dependant, facts, by_operator=False, path=())

    def _refuse(self, change: str, verdict: Verdict, reason: str) -> None:
        self._refusals.append(Refusal(change, verdict, reason))
