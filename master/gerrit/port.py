"""Gerrit as the schedulers and the reporter see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.util.service import BuildbotService
from twisted.internet.defer import Deferred

from master.gerrit.client import GerritClient
from master.gerrit.errors import GerritNotFound
from schedulers.ports import NoSuchChange
from schedulers.requests import PatchSet, ProjectSource

if TYPE_CHECKING:
    from master.gerrit.models import ChangeInfo
    from master.site.model import Gerrit as GerritSettings

_ALL_REVISIONS = ("ALL_REVISIONS",)


class Gerrit:
    """Answers the schedulers' questions; two with the same settings are the same.

    Works while its :class:`GerritService` runs.
    """

    def __init__(self, settings: GerritSettings) -> None:
        self.settings = settings
        self._client: GerritClient | None = None

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
        config = await self.client.project_config(project)
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

    def change_url(self, number: int) -> str:
        """Where people read a change."""
        return f"{self.settings.url}/{number}"

    async def changes(self, query: str) -> list[ChangeInfo]:
        """Changes a search finds, with what decisions about them need."""
        return await self.client.query(query)

    async def vote(self, number: int, revision: str, message: str, vote: int | None) -> None:
        """Say something on a patch set, with a vote on Lockgate's label unless it is None."""
        labels = {} if vote is None else {self.settings.label: vote}
        await self.client.review(number, revision, message=message, labels=labels)

    async def submit(self, number: int, revision: str) -> None:
        """Merge exactly this revision; the client's errors say why it could not be."""
        await self.client.submit(number, revision)


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
