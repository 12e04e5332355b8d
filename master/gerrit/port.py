"""Gerrit as the schedulers and the reporter see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.util.service import BuildbotService
from twisted.internet.defer import Deferred

from master.gerrit.client import GerritClient
from master.gerrit.errors import GerritNotFound, GerritRefused
from master.gerrit.facts import approvals, change_facts
from master.gerrit.reconcile import on_reconciled
from schedulers.gate import ChangeFacts, Parent
from schedulers.ports import NoSuchChange, Refused
from schedulers.requests import PatchSet, ProjectSource

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from master.gerrit.facts import ChangeReference
    from master.gerrit.models import ChangeInfo, ChangeStatus, RelatedChange
    from master.site.model import Gerrit as GerritSettings
    from schedulers.gate.facts import Status

_STATUS: dict[ChangeStatus, Status] = {
    "NEW": "open",
    "MERGED": "merged",
    "ABANDONED": "abandoned",
}
_ALL_REVISIONS = ("ALL_REVISIONS",)
_RELATED_KEPT = 5000  # answers on revisions, the newest


class Gerrit:
    """Answers the schedulers' questions; two with the same settings are the same.

    Works while its :class:`GerritService` runs.
    """

    def __init__(self, settings: GerritSettings) -> None:
        self.settings = settings
        self._client: GerritClient | None = None
        self._related: dict[str, list[RelatedChange]] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Gerrit) and other.settings == self.settings

    def __hash__(self) -> int:
        return hash(self.settings)

    @property
    def client(self) -> GerritClient:
        """The client underneath."""
        if self._client is None:
            raise RuntimeError("Gerrit is asked before its service runs")
        return self._client

    def attach(self, client: GerritClient | None) -> None:
        """Give it a client to ask with, or take it away."""
        self._client = client

    async def source(self, project: str, branch: str) -> ProjectSource:
        """How a project's branch is fetched and merged."""
        try:
            config = await self.client.project_config(project)
        except GerritNotFound as error:
            raise NoSuchChange(f"Gerrit has no project {project}") from error
        return ProjectSource(
            project=project,
            url=f"{self.settings.url}/{project}",
            branch=branch,
            submit_type=config.submit_type,
            content_merge=config.use_content_merge.value,
        )

    async def patch_set(self, number: int, patchset: int | None) -> PatchSet:
        """One patch set of a change, the current one for None."""
        try:
            change = await self.client.change(
                number, options=("CURRENT_REVISION",) if patchset is None else _ALL_REVISIONS
            )
        except GerritNotFound as error:
            raise NoSuchChange(f"Gerrit has no change {number}") from error
        for revision, details in change.revisions.items():
            if patchset is None or details.number == patchset:
                return PatchSet(
                    change.project, change.branch, change.number, details.number, revision
                )
        raise NoSuchChange(f"change {number} has no patch set {patchset}")

    async def branch_tip(self, project: str, branch: str) -> str:
        """The commit a branch points at."""
        return await self.client.branch_tip(project, branch)

    async def merged_as(self, number: int) -> str | None:
        """The commit a merged change made of its branch; None if that has moved on since.

        That is the change's own commit, or a merge of it (its second parent).
        """
        change = await self.client.change(number)
        tip = await self.client.branch_tip(change.project, change.branch)
        if tip == change.current_revision:
            return tip
        commit = await self.client.commit(change.project, tip)
        merged = [parent.commit for parent in commit.parents[1:]]
        return tip if change.current_revision in merged else None

    async def approvals(self, number: int) -> list[dict[str, Any]]:
        """All votes on a change: ``who``, ``label``, ``value``."""
        return approvals(await self.client.change(number))

    def change_url(self, number: int) -> str:
        """Where people read a change."""
        return f"{self.settings.url}/{number}"

    async def facts(self, projects: Sequence[str], branch: str) -> dict[str, ChangeFacts]:
        """Every open change of the projects' branch, by its number."""
        which = " OR ".join(f'project:"{project}"' for project in projects)
        found = await self.client.query(f'status:open branch:"{branch}" ({which})')
        return {str(change.number): await self._gate_facts(change) for change in found}

    async def facts_of(self, numbers: Iterable[str]) -> dict[str, ChangeFacts]:
        """These changes, open or not; those Gerrit does not show count as abandoned."""
        found = {}
        for number in numbers:
            try:
                found[number] = await self._gate_facts(await self.client.change(int(number)))
            except GerritNotFound:
                found[number] = ChangeFacts(number, "", "", 0, status="abandoned")
        return found

    def watch(
        self, master: Any, consumer: Callable[[list[str]], Awaitable[None]]
    ) -> Callable[[], None]:
        """Call with the numbers of all open changes after each reconciliation."""

        async def open_ones(changes: list[ChangeInfo]) -> None:
            await consumer([str(c.number) for c in changes if c.status == "NEW"])

        return on_reconciled(master, open_ones)

    def watch_proposed(
        self, master: Any, consumer: Callable[[list[PatchSet]], Awaitable[None]]
    ) -> Callable[[], None]:
        """Call with the current patch sets of all open changes after each reconciliation."""

        async def proposed(changes: list[ChangeInfo]) -> None:
            await consumer([_current(change) for change in changes if change.status == "NEW"])

        return on_reconciled(master, proposed)

    async def vote(self, number: int, revision: str, message: str, vote: int | None) -> None:
        """Say something on a patch set, with a vote on Lockgate's label unless it is None.

        Raises :class:`Refused`.
        """
        labels = {} if vote is None else {self.settings.label: vote}
        try:
            await self.client.review(number, revision, message=message, labels=labels)
        except GerritRefused as error:
            raise Refused(str(error)) from error

    async def submit(self, number: int, revision: str) -> None:
        """Merge exactly this revision; raises :class:`Refused`."""
        try:
            await self.client.submit(number, revision)
        except GerritRefused as error:
            raise Refused(str(error)) from error

    async def _gate_facts(self, change: ChangeInfo) -> ChangeFacts:
        revision = change.current_revision or ""
        if revision not in self._related:
            # What a revision is built upon never changes.
            self._related[revision] = await self.client.related(change.number)
            if len(self._related) > _RELATED_KEPT:
                del self._related[next(iter(self._related))]
        facts = change_facts(
            change,
            label=self.settings.label,
            url=self.settings.url,
            related=self._related[revision],
        )
        needed = [await self._number(reference) for reference in facts.depends_on]
        parent = facts.parents[0] if facts.parents else None
        return ChangeFacts(
            id=str(change.number),
            project=facts.project,
            branch=facts.branch,
            patchset=facts.patchset,
            revision=facts.revision,
            status=_STATUS[facts.status],
            # Only what check has passed comes into the gate.
            approved=facts.approved and self._own_vote(change) > 0,
            wip=facts.work_in_progress,
            parent=None if parent is None else Parent(str(parent.number), parent.patchset),
            depends_on=tuple(number for number in needed if number is not None),
            topic=facts.topic,
            tags=frozenset(change.hashtags),
        )

    async def _number(self, reference: ChangeReference) -> str | None:
        """The change a footer names; None when Gerrit shows none such."""
        if reference.number is not None:
            return str(reference.number)
        found = await self.client.query(reference.query, options=(), limit=1)
        return str(found[0].number) if found else None

    def _own_vote(self, change: ChangeInfo) -> int:
        label = change.labels.get(self.settings.label)
        votes = () if label is None else label.all
        own = [vote.value or 0 for vote in votes if vote.username == self.settings.user]
        return own[0] if own else 0


def _current(change: ChangeInfo) -> PatchSet:
    return PatchSet(
        change.project,
        change.branch,
        change.number,
        change.current.number,
        str(change.current_revision),
    )


class GerritService(BuildbotService):
    """Keeps the connection of a :class:`Gerrit` while the master runs."""

    name = "gerrit"

    def checkConfig(self, gerrit: Gerrit) -> None:  # noqa: N802 - Buildbot's name
        """Nothing to check that the site file did not."""
        del gerrit

    def reconfigService(self, gerrit: Gerrit) -> Deferred[None]:  # noqa: N802 - Buildbot's name
        """Ask the server the site file names now."""
        return Deferred.fromCoroutine(self._reconfigure(gerrit))

    def stopService(self) -> Deferred[None]:  # noqa: N802 - Twisted's name
        """Close the connections."""
        return Deferred.fromCoroutine(self._stop())

    async def _reconfigure(self, gerrit: Gerrit) -> None:
        await super().reconfigService()
        await self._disconnect()
        self.gerrit: Gerrit | None = gerrit
        settings = gerrit.settings
        gerrit.attach(
            GerritClient(self.master.reactor, settings.url, settings.user, self._password)
        )

    async def _stop(self) -> None:
        await super().stopService()
        await self._disconnect()

    async def _disconnect(self) -> None:
        gerrit: Any = getattr(self, "gerrit", None)
        if gerrit is not None:
            client, self.gerrit = gerrit.client, None
            gerrit.attach(None)
            await client.close()

    async def _password(self) -> str:
        provider = self.master.namedServices["secrets"]
        secret = await provider.get(self.gerrit.settings.password_secret)  # type: ignore[union-attr]
        if secret is None:
            raise RuntimeError("there is no secret of the name that gerrit.password_secret gives")
        return str(secret.value)
