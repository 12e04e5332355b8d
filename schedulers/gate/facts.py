"""What Gerrit knows of a change, as far as the gate decides by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Status = Literal["open", "merged", "abandoned"]


@dataclass(frozen=True)
class Parent:
    """The change a change is built upon in git, and the patch set of it."""

    change: str
    patchset: int


@dataclass(frozen=True)
class ChangeFacts:
    """One change's current patch set."""

    id: str
    project: str
    branch: str
    patchset: int
    revision: str = ""
    status: Status = "open"
    approved: bool = False  # every vote a merge needs is there, but for the gate's own
    wip: bool = False
    parent: Parent | None = None
    depends_on: tuple[str, ...] = ()  # changes named in footers
    topic: str | None = None
    tags: frozenset[str] = frozenset()

    @property
    def mergeable(self) -> bool:
        """Whether it may be merged, or has been."""
        return self.status == "merged" or (self.status == "open" and self.approved and not self.wip)


# Fresh facts by change id. A shell supplies every open change of the gated projects, those that
# the gate holds, and whatever UnknownChanges asked for.
Facts = Mapping[str, ChangeFacts]


class UnknownChanges(Exception):  # noqa: N818 - a question, not a fault
    """The gate must know of changes it was not told about; ask Gerrit and call again."""

    def __init__(self, ids: frozenset[str]) -> None:
        super().__init__(f"facts wanted about {', '.join(sorted(ids))}")
        self.ids = ids


def look_up(facts: Facts, change: str) -> ChangeFacts:
    """The facts of a change; raises :class:`UnknownChanges` when they are not given."""
    try:
        return facts[change]
    except KeyError as error:
        raise UnknownChanges(frozenset({change})) from error
