"""Buildbot's reporter to Gerrit: the vote and the summary of the check pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from buildbot.reporters.base import ReporterBase
from buildbot.util import ComparableMixin
from buildbot.util.state import StateMixin
from twisted.internet.defer import Deferred, DeferredLock, succeed
from twisted.python import log

from master.gerrit.checks import check_results, ended_since
from master.gerrit.errors import GerritError, GerritNotFound
from master.gerrit.messages import check_message, check_vote, is_report_of
from master.gerrit.reconcile import on_reconciled
from schedulers.check import label_of
from schedulers.ports import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from master.gerrit.messages import PackageResult
    from master.gerrit.models import ChangeInfo
    from master.gerrit.port import Gerrit

_NEEDED = ("CURRENT_REVISION", "MESSAGES", "DETAILED_ACCOUNTS")


class CheckEnded(ComparableMixin):
    """Buildbot's report generator: names the patch set whose check a buildset belongs to."""

    wanted_event_keys: ClassVar = [("buildsets", None, "complete")]

    def check(self) -> None:
        """There is nothing to configure."""

    def generate(
        self, _master: Any, _reporter: Any, _key: Any, message: dict[str, Any]
    ) -> Deferred[str | None]:
        """Its label; None for buildsets of other pipelines."""
        return succeed(label_of(message["external_idstring"]))


class GerritReporter(StateMixin, ReporterBase):
    """Votes on a patch set when all its check builds have ended.

    Packages vote together, each with its newest result: the vote is the worst of them. What could
    not be told, because Gerrit did not answer or the master stopped, is due until it has been.
    The change itself is the record of what was: its messages name the builds they are about.
    """

    name: ClassVar[str] = "GerritReporter"

    def checkConfig(self, gerrit: Gerrit) -> None:  # noqa: N802 - Buildbot's name
        """Nothing to check that the site file did not."""
        del gerrit
        super().checkConfig(generators=[CheckEnded()])

    def reconfigService(self, gerrit: Gerrit) -> Deferred[None]:  # noqa: N802 - Buildbot's name
        """Take over the Gerrit to report to."""
        self.gerrit = gerrit
        return super().reconfigService(generators=[CheckEnded()])  # type: ignore[no-any-return]

    def startService(self) -> Deferred[None]:  # noqa: N802 - Twisted's name
        """Report what ends, and what is due whenever Gerrit has answered."""
        self._one_at_a_time = DeferredLock()
        self._unwatch = on_reconciled(self.master, self._reconciled)
        return super().startService()  # type: ignore[no-any-return]

    def stopService(self) -> Deferred[None]:  # noqa: N802 - Twisted's name
        """What is due then is reported after the next start."""
        self._unwatch()
        return super().stopService()  # type: ignore[no-any-return]

    def sendMessage(self, reports: Sequence[str]) -> Deferred[None]:  # noqa: N802
        """Report on the patch set that the generator named."""
        return Deferred.fromCoroutine(self._send(reports[0]))

    async def _send(self, label: str) -> None:
        await self._is_settled(label)

    async def _reconciled(self, _changes: list[ChangeInfo]) -> None:
        began = int(self.master.reactor.seconds())
        due = set(await self.getState("due", []))
        due |= await ended_since(self.master, await self.getState("until", 0))
        due -= {label for label in due if await self._is_settled(label)}
        await self.setState("due", sorted(due))
        await self.setState("until", began)

    async def _is_settled(self, label: str) -> bool:
        """Report if that is due; answers whether it is not due any more."""
        await self._one_at_a_time.acquire()
        try:
            results = await check_results(self.master, label)
            # What still runs reports when it ends.
            return results is None or await self._report(label, results)
        except (GerritError, Refused) as error:
            log.msg(f"{self.name}: the check of {label} is still to be reported: {error}")
        except Exception:  # noqa: BLE001 - whatever it was, one report must not stop the others
            log.err(None, f"{self.name}: the check of {label} is still to be reported")
        finally:
            self._one_at_a_time.release()
        return False

    async def _report(self, label: str, results: list[PackageResult]) -> bool:
        number = int(label.partition(".")[0])
        try:
            change = await self.gerrit.client.change(number, options=_NEEDED)
        except GerritNotFound:
            return True
        if change.status == "MERGED" or f"{number}.{change.current.number}" != label:
            return True  # nobody waits for it any more
        if self._is_told(change, results):
            return True
        if change.status == "ABANDONED":
            return False  # Gerrit takes no votes until it is restored
        revision = str(change.current_revision)
        await self.gerrit.vote(number, revision, check_message(results), check_vote(results))
        return True

    def _is_told(self, change: ChangeInfo, results: list[PackageResult]) -> bool:
        return any(
            message.author is not None
            and message.author.username == self.gerrit.settings.user
            and is_report_of(message.message, results)
            for message in change.messages
        )
