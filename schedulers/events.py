"""The base of schedulers that act on Gerrit's events and must not lose one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.changes.changes import Change
from buildbot.data.resultspec import Filter
from buildbot.schedulers.base import ReconfigurableBaseScheduler
from twisted.internet.defer import Deferred, DeferredLock
from twisted.python import log

if TYPE_CHECKING:
    from collections.abc import Callable

    from schedulers.ports import GerritPort


class EventScheduler(ReconfigurableBaseScheduler):
    """Calls :meth:`take` for each event, and :meth:`reconciled` whenever Gerrit was asked anew.

    An event is in Buildbot's database, classified for this scheduler, until it has been taken.
    One that could not be, because Gerrit did not answer, is taken again after the next
    reconciliation: at the latest when the connection is back or the master has started.
    """

    gerrit: GerritPort
    _unwatch: Callable[[], None] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._one_at_a_time = DeferredLock()

    async def take(self, change: Any) -> None:
        """Start what an event (a Buildbot change) asks for; doing it twice must do no harm."""
        raise NotImplementedError

    async def reconciled(self, numbers: list[str]) -> None:
        """Called with the numbers of all open changes."""

    def activate(self) -> Deferred[None]:
        """Listen while this master owns the scheduler."""
        return Deferred.fromCoroutine(self._activate())

    async def _activate(self) -> None:
        await super().activate()
        if self.enabled:
            await self.startConsumingChanges()
            self._unwatch = self.gerrit.watch(self.master, self._after_reconciliation)

    def deactivate(self) -> Deferred[None]:
        """Stop listening."""
        return Deferred.fromCoroutine(self._deactivate())

    async def _deactivate(self) -> None:
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        await super().deactivate()

    def gotChange(self, change: Any, important: bool) -> Deferred[None]:  # noqa: N802, FBT001
        """Keep the event, then take it and any that are left from before."""
        return Deferred.fromCoroutine(self._got_change(change, important=important))

    async def _got_change(self, change: Any, *, important: bool) -> None:
        await self.master.db.schedulers.classifyChanges(self.serviceid, {change.number: important})
        await self._take_all(last_try=False)

    async def _after_reconciliation(self, numbers: list[str]) -> None:
        # Gerrit has just answered: what still cannot be taken never will.
        await self._take_all(last_try=True)
        await self.reconciled(numbers)

    async def _take_all(self, *, last_try: bool) -> None:
        waiting = self.master.db.schedulers
        await self._one_at_a_time.acquire()
        try:
            for number in sorted(await waiting.getChangeClassifications(self.serviceid)):
                model = await self.master.db.changes.getChange(number)
                if model is not None:
                    change = await Change.fromChdict(self.master, model)
                    try:
                        await self.take(change)
                    except Exception:  # noqa: BLE001 - whatever it is, it must not stop the others
                        again = "dropped" if last_try else "taken again when Gerrit has answered"
                        log.err(None, f"{self.name}: event {number} cannot be taken, {again}")
                        if not last_try:
                            return
                await waiting.flushChangeClassifications(self.serviceid, less_than=number + 1)
        finally:
            self._one_at_a_time.release()

    async def is_started(self, identity: str) -> bool:
        """Whether a buildset with this external id exists."""
        found = await self.master.data.get(
            ("buildsets",), filters=[Filter("external_idstring", "eq", [identity])]
        )
        return bool(found)
