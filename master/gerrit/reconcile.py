"""Finds what the event stream missed, by asking Gerrit how things stand.

Runs when the master starts, whenever the stream is connected again, and from time to time. It may
run at any time and any number of times: what is recorded already is not recorded again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from weakref import WeakKeyDictionary

from buildbot.util.service import BuildbotService
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall
from twisted.python import log

from master.gerrit import missed
from master.gerrit.client import DETAIL
from master.gerrit.errors import GerritError, GerritNotFound
from master.gerrit.events import STREAM_STARTED, GerritEvents
from master.gerrit.models import ChangeInfo

if TYPE_CHECKING:
    from master.gerrit.client import GerritClient
    from master.gerrit.models import AccountInfo, CommentInfo

Consumer = Callable[[list[ChangeInfo]], Awaitable[None]]

# ssh does not tell when Gerrit has begun to stream; what came before it did is found by looking
# soon after the connection was begun and again when it surely stands. Seconds.
_AFTER_START = (1.0, 15.0)
_AFTER_FAILURE = 10.0
_OVERLAP = 600  # seconds looked back beyond the last run: clocks differ, indexes lag
_PROJECTS_PER_QUERY = 50
_NEEDED = (*DETAIL, "MESSAGES")

_consumers: WeakKeyDictionary[Any, list[Consumer]] = WeakKeyDictionary()


def on_reconciled(master: Any, consumer: Consumer) -> Callable[[], None]:
    """Have a coroutine function called with each reconciliation's findings.

    It is given all open changes and those merged lately, with :data:`client.DETAIL`. The answer
    ends this. It does not matter whether a :class:`Reconciler` runs already.
    """
    known = _consumers.setdefault(master, [])
    known.append(consumer)

    def end() -> None:
        with suppress(ValueError):
            known.remove(consumer)

    return end


async def hand_on(master: Any, changes: list[ChangeInfo]) -> None:
    """Call everybody who wants to know what a reconciliation found."""
    for consumer in list(_consumers.get(master, ())):
        try:
            await consumer(changes)
        except Exception:  # noqa: BLE001 - one consumer must not keep it from the others
            log.err(None, "a consumer of the reconciliation failed")


class HasClient(Protocol):
    """Whatever can be asked for the client."""

    @property
    def client(self) -> GerritClient:
        """The client; may be another one each time."""
        ...


class Reconciler(BuildbotService):
    """Compares Gerrit with what is recorded, for the branches of a site.

    ``source`` is the name of the change source that records, ``branches`` the branches of each
    project whose tips are watched, ``seconds`` the time between two runs. Where the change source
    is active on another master this one does nothing.
    """

    name: ClassVar[str] = "gerrit-reconciler"

    def checkConfig(  # noqa: N802 - Buildbot's name
        self,
        *,
        gerrit: HasClient,
        source: str,
        branches: Mapping[str, Sequence[str]],
        seconds: float,
    ) -> None:
        """Nothing to check that the site file did not."""
        del gerrit, source, branches, seconds

    def reconfigService(  # noqa: N802 - Buildbot's name
        self,
        *,
        gerrit: HasClient,
        source: str,
        branches: Mapping[str, Sequence[str]],
        seconds: float,
    ) -> Deferred[None]:
        """Take over the settings."""
        self.gerrit, self.source, self.branches = gerrit, source, branches
        self.seconds = seconds
        return super().reconfigService()  # type: ignore[no-any-return]

    def startService(self) -> Deferred[None]:  # noqa: N802 - Twisted's name
        """Look now, and from now on."""
        return Deferred.fromCoroutine(self._start())

    def stopService(self) -> Deferred[None]:  # noqa: N802 - Twisted's name
        """Give up what runs; the next start does it again."""
        return Deferred.fromCoroutine(self._stop())

    async def reconcile(self) -> None:
        """Look once. Raises :class:`GerritError` when Gerrit does not tell."""
        source = self.master.change_svc.namedServices.get(self.source)
        if not isinstance(source, GerritEvents) or not source.active:
            return
        client, state = self.gerrit.client, await _State.of(self.master, self.gerrit.client.url)
        began = self.master.reactor.seconds()
        since = began if state.until is None else state.until - _OVERLAP
        opened = await self._query(client, "status:open")
        merged = await self._query(client, f'status:merged since:"{missed.timestamp(since)}"')
        found = [missed.patchset_created(change, client.url) for change in opened]
        for change in opened:
            found += await self._missed_comments(client, source, change, since)
        found += [missed.change_merged(change, client.url) for change in merged]
        found += await self._moved_tips(client, source, state.tips)
        for event in found:
            if await source.record(event):
                log.msg(f"{self.name}: the stream missed {_words(event)}")
        await state.save(began)
        await hand_on(self.master, [*opened, *merged])

    async def _query(self, client: GerritClient, condition: str) -> list[ChangeInfo]:
        """Changes of our projects, oldest first."""
        projects = sorted(self.branches)
        found: list[ChangeInfo] = []
        for start in range(0, len(projects), _PROJECTS_PER_QUERY):
            some = projects[start : start + _PROJECTS_PER_QUERY]
            which = " OR ".join(f'project:"{project}"' for project in some)
            found += await client.query(f"{condition} ({which})", options=_NEEDED)
        return sorted(found, key=lambda change: (change.updated, change.number))

    async def _missed_comments(
        self, client: GerritClient, source: GerritEvents, change: ChangeInfo, since: float
    ) -> list[dict[str, Any]]:
        """Events for what was said unseen on the current patch set of a change."""
        if not missed.unheard(change, since, ()):
            return []
        heard = await source.heard(change.project, change.current.ref)
        messages = missed.unheard(change, since, heard)
        comments: dict[str, tuple[CommentInfo, ...]] = {}
        if any(missed.has_comments(message) for message in messages):
            comments = await client.comments(change.number)
        return [missed.comment_added(change, m, comments, client.url) for m in messages]

    async def _moved_tips(
        self, client: GerritClient, source: GerritEvents, tips: dict[str, str]
    ) -> list[dict[str, Any]]:
        """Events for branches that moved unseen; ``tips`` is brought up to date."""
        events = []
        for project, branches in self.branches.items():
            for branch in branches:
                try:
                    tip = await client.branch_tip(project, branch)
                except GerritNotFound:
                    continue
                key = f"{project}\n{branch}"
                known = tips.get(key)
                tips[key] = tip
                if known in (None, tip) or await source.last_tip(project, branch) == tip:
                    continue
                submitter = await _submitter(client, project, tip)
                events.append(missed.ref_updated(project, branch, known or "", tip, submitter))
        return events

    async def _start(self) -> None:
        self._calls: list[Any] = []
        self._run: Deferred[None] | None = None
        self._once_more = False
        await super().startService()
        self._messages = await self.master.mq.startConsuming(self._stream_started, STREAM_STARTED)
        self._periodic = LoopingCall(self._begin)
        self._periodic.clock = self.master.reactor
        self._periodic.start(self.seconds, now=False)
        self._later(*_AFTER_START)

    async def _stop(self) -> None:
        self._messages.stopConsuming()
        self._periodic.stop()
        for call in self._calls:
            if call.active():
                call.cancel()
        if self._run is not None:
            self._run.cancel()
        await super().stopService()

    def _stream_started(self, _key: tuple[str, ...], _message: dict[str, Any]) -> None:
        self._later(*_AFTER_START)

    def _later(self, *delays: float) -> None:
        for delay in delays:
            self._calls.append(self.master.reactor.callLater(delay, self._begin))
        self._calls = [call for call in self._calls if call.active()]

    def _begin(self) -> None:
        """Run now, or once more after the present run."""
        if self._run is not None:
            self._once_more = True
            return
        self._run = Deferred.fromCoroutine(self._run_once())
        self._run.addErrback(lambda failure: failure.trap(CancelledError) and None)
        self._run.addBoth(self._ended)

    def _ended(self, _result: object) -> None:
        self._run = None
        if self._once_more and self.running:
            self._once_more = False
            self._begin()

    async def _run_once(self) -> None:
        try:
            await self.reconcile()
        except GerritError as error:
            log.msg(f"{self.name}: {error}; asking again in {_AFTER_FAILURE:.0f} s")
            self._later(_AFTER_FAILURE)
        except Exception:  # noqa: BLE001 - the next run may fare better, and must come
            log.err(None, f"{self.name}: failed")


class _State:
    """What was known at the end of the last run, in Buildbot's database."""

    def __init__(
        self, master: Any, object_id: int, until: float | None, tips: dict[str, str]
    ) -> None:
        self._master = master
        self._object_id = object_id
        self.until = until
        self.tips = tips

    @classmethod
    async def of(cls, master: Any, url: str) -> _State:
        """The state about one Gerrit server."""
        state = master.db.state
        object_id = await state.getObjectId(url, "lockgate.Reconciler")
        until = await state.getState(object_id, "until", None)
        return cls(master, object_id, until, await state.getState(object_id, "tips", {}))

    async def save(self, until: float) -> None:
        """Remember for the next run."""
        self.until = until
        await self._master.db.state.setState(self._object_id, "until", until)
        await self._master.db.state.setState(self._object_id, "tips", self.tips)


async def _submitter(client: GerritClient, project: str, tip: str) -> AccountInfo | None:
    """Who submitted the change a tip came from; None when it was pushed past review."""
    commit = await client.commit(project, tip)
    # A merge that Gerrit made has the change's own commit as its second parent.
    for candidate in (tip, *(parent.commit for parent in commit.parents[1:])):
        query = f'status:merged project:"{project}" commit:{candidate}'
        changes = await client.query(query, limit=1)
        if changes:
            return changes[0].submitter
    return None


def _words(event: dict[str, Any]) -> str:
    if "refUpdate" in event:
        update = event["refUpdate"]
        return f"{event['type']} of {update['project']} {update['refName']}"
    return f"{event['type']} of change {event['change']['number']},{event['patchSet']['number']}"
