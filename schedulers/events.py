"""The base of schedulers that act on Gerrit's events and must not lose one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from buildbot.changes.changes import Change
from buildbot.data.resultspec import Filter
from buildbot.schedulers.base import ReconfigurableBaseScheduler
from twisted.internet.defer import Deferred, DeferredLock
from twisted.python import log

from schedulers.ports import GerritPort, NoSuchChange

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from schedulers.requests import PatchSet


class EventPort(GerritPort, Protocol):
    """What these schedulers need of Gerrit beside its answers."""

    def watch_proposed(
        self, master: Any, consumer: Callable[[list[PatchSet]], Awaitable[None]]
    ) -> Callable[[], None]:
        """Call with the current patch sets of all open changes after each reconciliation.

        The answer ends it.
        """
        ...


class EventScheduler(ReconfigurableBaseScheduler):
    """Calls :meth:`take` for each event, and :meth:`reconciled` whenever Gerrit was asked anew.

    An event is in Buildbot's database, classified for this scheduler, until it has been taken.
    One that could not be, because Gerrit did not answer, is taken again after each reconciliation
    until it is: at the latest when the connection is back or the master has started.
    """

    gerrit: EventPort
    _unwatch: Callable[[], None] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._one_at_a_time = DeferredLock()

    async def take(self, change: Any) -> None:
        """Start what an event (a Buildbot change) asks for; doing it twice must do no harm.

        Raises :class:`NoSuchChange` when that can never be done.
        """
        raise NotImplementedError

    async def reconciled(self, proposed: list[PatchSet]) -> None:
        """Called with the current patch sets of all open changes."""

    def activate(self) -> Deferred[None]:
        """Listen while this master owns the scheduler."""
        return Deferred.fromCoroutine(self._activate())

    async def _activate(self) -> None:
        await super().activate()
        if self.enabled:
            await self.startConsumingChanges()
            self._unwatch = self.gerrit.watch_proposed(self.master, self._after_reconciliation)

    def deactivate(self) -> Deferred[None]:
        """Stop listening."""
        return Deferred.fromCoroutine(self._deactivate())

    async def _deactivate(self) -> None:
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        await super().deactivate()

    def gotChange(self, change: Any, important: bool) -> Deferred[None]:  # noqa: N802, FBT001
        """Keep the event, then take it."""
        return Deferred.fromCoroutine(self._got_change(change, important=important))

    async def _got_change(self, change: Any, *, important: bool) -> None:
        await self.master.db.schedulers.classifyChanges(self.serviceid, {change.number: important})
        await self._one_at_a_time.run(Deferred.fromCoroutine, self._take([change.number]))

    async def _after_reconciliation(self, proposed: list[PatchSet]) -> None:
        await self._one_at_a_time.run(Deferred.fromCoroutine, self._catch_up(proposed))

    async def _catch_up(self, proposed: list[PatchSet]) -> None:
        waiting = await self.master.db.schedulers.getChangeClassifications(self.serviceid)
        await self._take(sorted(waiting))
        await self.reconciled(proposed)

    async def _take(self, numbers: list[int]) -> None:
        for number in numbers:
            if await self._is_settled(number):
                await self._forget(number)

    async def _is_settled(self, number: int) -> bool:
        """Take an event; answers whether it need not be taken again."""
        model = await self.master.db.changes.getChange(number)
        if model is None:
            return True
        try:
            await self.take(await Change.fromChdict(self.master, model))
        except NoSuchChange as answer:
            log.msg(f"{self.name}: event {number} is dropped: {answer}")
        except Exception:  # noqa: BLE001 - whatever it is, it must not stop the others
            log.err(None, f"{self.name}: event {number} is taken again when Gerrit has answered")
            return False
        return True

    async def _forget(self, number: int) -> None:
        """Buildbot's own interface forgets all events up to one, also those that still wait."""
        table = self.master.db.model.scheduler_changes
        this = (table.c.schedulerid == self.serviceid) & (table.c.changeid == number)
        await self.master.db.pool.do_with_transaction(
            lambda connection: connection.execute(table.delete().where(this)).close()
        )

    async def is_started(self, identity: str) -> bool:
        """Whether a buildset with this external id exists."""
        found = await self.master.data.get(
            ("buildsets",), filters=[Filter("external_idstring", "eq", [identity])]
        )
        return bool(found)
