"""Which jobs of an item may start, have ended, have failed. Pure questions about the state."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schedulers.gate.config import GateConfig, Job
    from schedulers.gate.items import Build, GateState, Item


def key(change: str, job: str) -> str:
    """How a build is found in its item."""
    return f"{change}/{job}"


class Jobs:
    """Looks at a gate's items through its configuration."""

    def __init__(self, config: GateConfig, state: GateState) -> None:
        self.config = config
        self.state = state

    def of(self, item: Item) -> list[tuple[str, Job]]:
        """Every job of an item's changes."""
        return [
            (change, job)
            for change in item.changes
            for job in self.config.jobs_of(self.state.known[change].project)
        ]

    def build(self, item: Item, change: str, job: str) -> Build | None:
        """The build of a job on the item's present state."""
        return item.builds.get(key(change, job))

    def failed(self, item: Item) -> list[Build]:
        """Builds that count against the item."""
        return [
            build
            for change, job in self.of(item)
            if job.voting and (build := self.build(item, change, job.name)) and build.failed
        ]

    def complete(self, item: Item) -> bool:
        """Whether nothing of the item is still to come."""
        if item.conflict is not None or item.infrastructure:
            return True
        if item.state is None or not item.prepared:
            return False
        return all(self._ended(item, change, job) for change, job in self.of(item))

    def passed(self, item: Item) -> bool:
        """Whether the item's state is good: its voting jobs have passed on it.

        One that was never started, since a job without a vote that it comes after failed, does not
        count; but something must have run.
        """
        if item.conflict is not None or item.infrastructure or not self.complete(item):
            return False
        ran = [
            build
            for change, job in self.of(item)
            if job.voting and (build := self.build(item, change, job.name)) is not None
        ]
        return bool(item.builds) and (
            item.cleared or all(build.result == "success" for build in ran)
        )

    def startable(self, item: Item) -> Iterator[tuple[str, Job]]:
        """Jobs that have not been started and wait for nothing more."""
        if not item.prepared or item.conflict is not None or self._held_by_those_ahead(item):
            return
        if self.config.fail_fast and self.failed(item):
            return
        for change, job in self.of(item):
            waits = self.build(item, change, job.name) is not None or not all(
                (build := self.build(item, change, before.name)) is not None
                and build.result == "success"
                for before in self._before(item, change, job)
            )
            if not waits and all(self._provided(item, artifact) for artifact in job.requires):
                yield change, job

    def inputs(self, item: Item, change: str, job: Job) -> str | None:
        """A name for everything a job's result depends on; None when it is never the same."""
        if not job.inputs:
            return None
        facts = self.state.known[change]
        scope = {facts.project}
        if "builds_with" in job.inputs and facts.project in self.config.projects:
            scope |= set(self.config.projects[facts.project].builds_with)
        histories = dict(self.state.bases)
        for other in (*self.state.below(item), item):
            for member in other.changes:
                them = self.state.known[member]
                if them.status != "merged" or other is item:
                    place = f"{them.project}/{them.branch}"
                    histories[place] = after(histories.get(place, ""), member, them.patchset)
        wanted = "all" in job.inputs
        relevant = sorted(
            f"{place}={history}"
            for place, history in histories.items()
            if wanted or place.rpartition("/")[0] in scope
        )
        return hashlib.sha256("\n".join((change, job.name, *relevant)).encode()).hexdigest()

    def _ended(self, item: Item, change: str, job: Job) -> bool:
        build = self.build(item, change, job.name)
        if build is not None:
            return build.result is not None
        return self._skipped(item, change, job)

    def _skipped(self, item: Item, change: str, job: Job) -> bool:
        """Whether a job will never start: what it comes after did not pass, or all was stopped."""
        if self.config.fail_fast and self.failed(item):
            return True
        for before in self._before(item, change, job):
            build = self.build(item, change, before.name)
            if build is None:
                if self._skipped(item, change, before):
                    return True
            elif build.result in ("failure", "cancelled"):
                return True
        return False

    def _before(self, item: Item, change: str, job: Job) -> list[Job]:
        """What a job comes after; a job that the change does not have is not waited for."""
        return [
            other for owner, other in self.of(item) if owner == change and other.name in job.after
        ]

    def _held_by_those_ahead(self, item: Item) -> bool:
        return any(
            job.hold_following
            and (
                (build := self.build(other, change, job.name)) is None or build.result != "success"
            )
            for other in self.state.below(item)
            for change, job in self.of(other)
        )

    def _provided(self, item: Item, artifact: str) -> bool:
        """Whether every job ahead that provides an artifact has passed."""
        return all(
            (build := self.build(other, change, job.name)) is not None and build.result == "success"
            for other in self.state.below(item)
            for change, job in self.of(other)
            if artifact in job.provides
        )


def after(history: str, change: str, patchset: int) -> str:
    """The name of a branch's history with one change more."""
    return hashlib.sha256(f"{history}\n{change},{patchset}".encode()).hexdigest()[:16]
