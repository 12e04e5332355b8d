"""A Gerrit that does as a test says: it falls silent, refuses, and forgets nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from schedulers.gate import ChangeFacts
from schedulers.ports import Refused
from schedulers.requests import ProjectSource

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence


@dataclass
class FakeGerrit:
    """Implements :class:`schedulers.ports.GerritPort` as far as the gate asks."""

    changes: dict[str, ChangeFacts] = field(default_factory=dict)
    tips: dict[str, str] = field(default_factory=dict)
    said: list[tuple[int, str, int | None]] = field(default_factory=list)
    submitted: list[int] = field(default_factory=list)
    refusal: str | None = None
    silent: bool = False
    after_submit: Callable[[], None] = lambda: None

    def propose(self, number: int, project: str, branch: str = "main", **facts: Any) -> None:
        """There is an approved change."""
        name = str(number)
        self.changes[name] = ChangeFacts(
            name, project, branch, 1, revision=f"r{name}", approved=True, **facts
        )

    def edit(self, number: int, **facts: Any) -> None:
        """Something about a change is different now."""
        self.changes[str(number)] = replace(self.changes[str(number)], **facts)

    def fall_silent(self) -> None:
        """Answer nothing any more."""
        self.silent = True

    async def source(self, project: str, branch: str) -> ProjectSource:
        self._answer()
        url = f"http://gerrit/{project}"
        return ProjectSource(project, url, branch, "MERGE_ALWAYS", content_merge=True)

    async def branch_tip(self, project: str, branch: str) -> str:
        del branch
        self._answer()
        return self.tips.get(project, "tip0")

    async def merged_as(self, number: int) -> str | None:
        self._answer()
        tip = self.tips[self.changes[str(number)].project]
        return tip if tip == f"merge of {number}" else None

    async def approvals(self, number: int) -> list[dict[str, Any]]:
        del number
        self._answer()
        return []

    def change_url(self, number: int) -> str:
        return f"http://gerrit/{number}"

    async def facts(self, projects: Sequence[str], branch: str) -> dict[str, ChangeFacts]:
        self._answer()
        return {
            name: change
            for name, change in self.changes.items()
            if change.status == "open" and change.branch == branch and change.project in projects
        }

    async def facts_of(self, numbers: Iterable[str]) -> dict[str, ChangeFacts]:
        self._answer()
        return {number: self.changes[number] for number in numbers}

    def watch(
        self, _master: Any, consumer: Callable[[list[str]], Awaitable[None]]
    ) -> Callable[[], None]:
        self.reconcile = consumer
        return lambda: None

    async def vote(self, number: int, revision: str, message: str, vote: int | None) -> None:
        del revision
        self._answer()
        self.said.append((number, message, vote))

    async def submit(self, number: int, revision: str) -> None:
        del revision
        self._answer()
        self.submitted.append(number)
        if self.refusal is not None:
            raise Refused(self.refusal)
        if self.changes[str(number)].status != "open":
            raise Refused("it is closed")
        self.edit(number, status="merged")
        self.tips[self.changes[str(number)].project] = f"merge of {number}"
        self.after_submit()

    def _answer(self) -> None:
        if self.silent:
            raise ConnectionError("Gerrit does not answer")
