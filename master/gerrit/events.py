"""Gerrit's events as Buildbot changes: the durable log of what happened.

Each event becomes one row of Buildbot's changes, whose properties are the event's fields with
dots between them (``event.change.number``) and whose category is the event's type:

===================  ======================================  =====================================
category             branch, revision                        of the event's own fields
===================  ======================================  =====================================
patchset-created     ``refs/changes/34/1234/5``, patch set   ``event.uploader.*``
comment-added        same                                    ``event.approvals`` (list of ``type``,
                                                             ``value``, and ``oldValue`` where the
                                                             vote is new), ``event.comment``,
                                                             ``event.author.*``
vote-deleted         target branch, patch set                ``event.approvals``,
                                                             ``event.reviewer.*``
change-merged        target branch, patch set                ``event.newRev``, ``event.submitter.*``
change-abandoned     target branch, patch set                ``event.abandoner.*``, ``event.reason``
change-restored      target branch, patch set                ``event.restorer.*``
wip-state-changed    target branch, patch set                ``event.change.wip`` (absent: not)
private-...-changed  target branch, patch set                ``event.change.private``
topic-changed        target branch, none                     ``event.oldTopic``
hashtags-changed     target branch, none                     ``event.added``, ``event.removed``
ref-updated          branch, new tip                         ``event.refUpdate.*``,
                                                             ``event.submitter.*``
===================  ======================================  =====================================

``event.change.*`` (``project``, ``branch``, ``number``, ``id``, ``topic``, ``subject``,
``commitMessage``, ``owner.*``, ``status``, ``url``) and, where there is a patch set,
``event.patchSet.*`` (``number``, ``revision``, ``ref``, ``parents``, ``kind``) are always there.
``event.eventCreatedOn`` is the time on Gerrit's clock, in seconds.
``event.reconciled`` marks what the stream missed (:mod:`master.gerrit.reconcile`); a comment found
so has no ``event.approvals``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from buildbot.changes.gerritchangesource import GerritChangeSource
from buildbot.data.resultspec import Filter
from twisted.internet.defer import Deferred, DeferredLock

from master.gerrit import missed
from master.gerrit.missed import Heard
from master.gerrit.models import AccountInfo
from master.gerrit.stream import KnownHostStream

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HANDLED = (
    "patchset-created",
    "comment-added",
    "vote-deleted",
    "change-merged",
    "change-abandoned",
    "change-restored",
    "wip-state-changed",
    "private-state-changed",
    "topic-changed",
    "hashtags-changed",
    "ref-updated",
)
STREAM_STARTED = ("gerrit", "stream", "started")  # Buildbot message: events may have been missed
_BRANCHES = "refs/heads/"
_ON_THE_WAY = 60  # seconds an event may take through the stream


class GerritEvents(GerritChangeSource):
    """Buildbot's Gerrit change source for the projects of a site.

    ``identity_file`` and ``known_hosts`` are the only key and the only host keys ssh uses. An
    event that Gerrit's stream and the reconciliation both tell of is recorded once.
    """

    # Buildbot leaves out the time of an event, which tells which comment it is about.
    external_property_denylist: ClassVar[list[str]] = []

    def checkConfig(  # noqa: N802 - Buildbot's name
        self,
        *,
        gerritserver: str,
        gerritport: int,
        username: str,
        identity_file: Path,
        known_hosts: Path,
        projects: Sequence[str],
        url: str,
    ) -> None:
        """Check as Buildbot does."""
        del known_hosts, projects
        super().checkConfig(
            gerritserver,
            username,
            gerritport=gerritport,
            identity_file=str(identity_file),
            handled_events=HANDLED,
            gitBaseURL=url,
        )

    def reconfigService(  # noqa: N802 - Buildbot's name
        self,
        *,
        gerritserver: str,
        gerritport: int,
        username: str,
        identity_file: Path,
        known_hosts: Path,
        projects: Sequence[str],
        url: str,
    ) -> Deferred[None]:
        """Take over the settings; those of the connection hold from the next one on."""
        return Deferred.fromCoroutine(
            self._reconfigure(
                known_hosts,
                projects,
                gerritserver=gerritserver,
                gerritport=gerritport,
                username=username,
                identity_file=str(identity_file),
                handled_events=HANDLED,
                gitBaseURL=url,
            )
        )

    async def _reconfigure(
        self, known_hosts: Path, projects: Sequence[str], **settings: Any
    ) -> None:
        self.projects = frozenset(projects)
        self._recording: DeferredLock = getattr(self, "_recording", DeferredLock())
        await super().reconfigService(**settings)
        stream: Any = getattr(self, "_stream_connector", None)
        if not isinstance(stream, KnownHostStream):
            self._stream_connector: Any = KnownHostStream(
                self.master.reactor,
                self,
                settings["gerritserver"],
                settings["username"],
                gerritport=settings["gerritport"],
                identity_file=settings["identity_file"],
                known_hosts=known_hosts,
                on_process_start_cb=self._stream_process_started,
                on_line_received_cb=self._line_received_stream,
            )
        else:
            stream.gerritserver = settings["gerritserver"]
            stream.username = settings["username"]
            stream.gerritport = settings["gerritport"]
            stream.identity_file = settings["identity_file"]
            stream.known_hosts = known_hosts

    def eventReceived(self, event: dict[str, Any]) -> Deferred[bool]:  # noqa: N802
        """Record one event; answers whether it was new."""
        return Deferred.fromCoroutine(self.record(event))

    async def record(self, event: dict[str, Any]) -> bool:
        """Record one event unless it is not for us or is recorded already.

        One at a time: events stay in Gerrit's order, and none comes in between looking and adding.
        """
        if event["type"] not in HANDLED or _project(event) not in self.projects:
            return False
        if not event.get("refUpdate", {}).get("refName", _BRANCHES).startswith(_BRANCHES):
            return False
        await self._recording.acquire()
        try:
            if await self._recorded(event):
                return False
            await super().eventReceived(event)
            return True
        finally:
            self._recording.release()

    async def last_tip(self, project: str, branch: str) -> str | None:
        """The tip of a branch as the last recorded event about it says."""
        last = await self._last("ref-updated", project, branch)
        return None if last is None else last["revision"]

    async def heard(self, project: str, ref: str) -> list[Heard]:
        """The comments recorded on a patch set, by the ref Gerrit keeps it under."""
        return [_heard(about) for about in await self._comments(project, ref)]

    def addChangeFromEvent(  # noqa: N802 - Buildbot's name
        self, properties: dict[str, Any], event: dict[str, Any]
    ) -> Deferred[None]:
        """Add what happened to a change; Buildbot itself passes over events without patch set."""
        if "patchSet" in event:
            return super().addChangeFromEvent(properties, event)  # type: ignore[no-any-return]
        return Deferred.fromCoroutine(self._add_without_patch_set(properties, event))

    async def _add_without_patch_set(
        self, properties: dict[str, Any], event: dict[str, Any]
    ) -> None:
        change = event["change"]
        await self.master.data.updates.addChange(
            author=change["owner"].get("name", "unknown"),
            project=change["project"],
            repository=f"{self.gitBaseURL}/{change['project']}",
            branch=change["branch"],
            revision=None,
            revlink=change["url"],
            comments=change["subject"],
            files=[],
            category=event["type"],
            properties=properties,
        )

    async def _recorded(self, event: dict[str, Any]) -> bool:
        kind, project = event["type"], _project(event)
        if kind in ("patchset-created", "change-merged"):
            branch, revision = self.get_branch_from_event(event), event["patchSet"]["revision"]
            return await self._last(kind, project, branch, revision) is not None
        if kind == "ref-updated":
            # A branch may come back to where it was: only the last event counts.
            update = event["refUpdate"]
            tip = await self.last_tip(project, update["refName"].removeprefix(_BRANCHES))
            return tip is not None and tip == update["newRev"]
        if kind == "comment-added":
            return await self._heard_twice(event)
        return False

    async def _heard_twice(self, event: dict[str, Any]) -> bool:
        """Whether the stream and the reconciliation, one after the other, tell of one comment."""
        author = missed.who(AccountInfo.model_validate(event.get("author", {})))
        for about in await self._comments(_project(event), event["patchSet"]["ref"]):
            before = _heard(about)
            if (
                before.who == author
                and about.get("event.comment") == event["comment"]
                and abs(before.seconds - event["eventCreatedOn"]) <= _ON_THE_WAY
                and ("reconciled" in event) != ("event.reconciled" in about)
            ):
                return True
        return False

    async def _comments(self, project: str, ref: str) -> list[dict[str, Any]]:
        """The properties of the comments recorded on a patch set."""
        wanted = {"category": "comment-added", "project": project, "branch": ref}
        found = await self.master.data.get(
            ("changes",), filters=[Filter(field, "eq", [value]) for field, value in wanted.items()]
        )
        return [{name: value for name, (value, _) in c["properties"].items()} for c in found]

    async def _last(
        self, category: str, project: str, branch: str, revision: str | None = None
    ) -> dict[str, Any] | None:
        wanted = {"category": category, "project": project, "branch": branch}
        if revision is not None:
            wanted["revision"] = revision
        found = await self.master.data.get(
            ("changes",),
            filters=[Filter(field, "eq", [value]) for field, value in wanted.items()],
            order=["-changeid"],
            limit=1,
        )
        return found[0] if found else None

    def _stream_process_started(self) -> None:
        super()._stream_process_started()
        self.master.mq.produce(STREAM_STARTED, {"source": self.name})


def _heard(about: dict[str, Any]) -> Heard:
    author = {name: about.get(f"event.author.{name}") for name in ("name", "email", "username")}
    return Heard(
        missed.who(AccountInfo.model_validate(author)), int(about.get("event.eventCreatedOn", 0))
    )


def _project(event: dict[str, Any]) -> str:
    if "refUpdate" in event:
        return str(event["refUpdate"]["project"])
    return str(event["change"]["project"])
