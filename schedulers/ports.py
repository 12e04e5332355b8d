"""What the schedulers need from Gerrit and from the site; master/ provides it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from schedulers.gate import ChangeFacts
    from schedulers.requests import PatchSet, ProjectSource


@dataclass(frozen=True)
class PackagePlan:
    """What the schedulers must know of a package."""

    name: str
    projects: tuple[str, ...]  # Gerrit projects it is built from


@dataclass(frozen=True)
class ReleasePlan:
    """What the schedulers must know of a release."""

    name: str
    branch: str
    packages: tuple[PackagePlan, ...]

    def packages_of(self, project: str) -> list[PackagePlan]:
        """The packages a change of this project builds."""
        return [package for package in self.packages if project in package.projects]

    def projects(self) -> list[str]:
        """All projects of the release."""
        return sorted({project for p in self.packages for project in p.projects})


class NoSuchChange(Exception):  # noqa: N818 - an answer, not a fault
    """Gerrit knows no such change, patch set or branch."""


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """Gerrit will not do it, however often it is asked; the text says why."""


class GerritPort(Protocol):
    """The questions a scheduler asks of Gerrit.

    When Gerrit does not answer, each raises an error that none of this module's is.
    """

    async def source(self, project: str, branch: str) -> ProjectSource:
        """How the branch is fetched and merged."""
        ...

    async def patch_set(self, number: int, patchset: int | None) -> PatchSet:
        """One patch set (the current one for None); raises :class:`NoSuchChange`."""
        ...

    async def branch_tip(self, project: str, branch: str) -> str:
        """The commit a branch points at."""
        ...

    async def merged_as(self, number: int) -> str | None:
        """The commit a merged change made of its branch; None if that has moved on since."""
        ...

    async def approvals(self, number: int) -> list[dict[str, Any]]:
        """All votes on a change: ``who``, ``label``, ``value``."""
        ...

    def change_url(self, number: int) -> str:
        """Where people read the change."""
        ...

    async def facts(self, projects: Sequence[str], branch: str) -> dict[str, ChangeFacts]:
        """Every open change of the projects' branch, by its number in decimal."""
        ...

    async def facts_of(self, numbers: Iterable[str]) -> dict[str, ChangeFacts]:
        """These changes, open or not; those Gerrit does not show count as abandoned."""
        ...

    def watch(
        self, master: Any, consumer: Callable[[list[str]], Awaitable[None]]
    ) -> Callable[[], None]:
        """Call with the numbers of all open changes now and then, and after every interruption.

        The answer ends it.
        """
        ...

    async def vote(self, number: int, revision: str, message: str, vote: int | None) -> None:
        """Say something on a patch set, with a vote on the gate's label unless it is None.

        Raises :class:`Refused`.
        """
        ...

    async def submit(self, number: int, revision: str) -> None:
        """Merge exactly this revision; raises :class:`Refused`."""
        ...


async def sources(gerrit: GerritPort, projects: Sequence[str], branch: str) -> list[ProjectSource]:
    """How each project's branch is fetched and merged, in the order given."""
    return [await gerrit.source(project, branch) for project in projects]
