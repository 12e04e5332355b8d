"""What a gate wants done; each has an answer among the events, but for reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal[
    "success",
    "failure:tests",
    "failure:needed-change",
    "failure:missing-requirement",
    "failure:no-shared-queue",
    "failure:cycle-forbidden",
    "failure:cycle-not-mergeable",
    "failure:cycle-member-abandoned",
    "failure:queue-full",
    "merge-conflict",
    "merge-failure",
    "no-jobs",
    "dequeue",
    "infrastructure",
]


@dataclass(frozen=True)
class Tested:
    """One change exactly as it was tested."""

    change: str
    project: str
    branch: str
    patchset: int
    revision: str


@dataclass(frozen=True)
class PrepareState:
    """Make a speculative state: these changes merged on their branches' tips, in this order."""

    state: str
    changes: tuple[Tested, ...]


@dataclass(frozen=True)
class StartBuild:
    """Run a job for a change on a state."""

    build: str
    change: str
    job: str
    state: str
    ahead: tuple[str, ...]  # changes below it, oldest first


@dataclass(frozen=True)
class CancelBuild:
    """Stop a build; its result counts for nothing any more."""

    build: str


@dataclass(frozen=True)
class Submit:
    """Merge changes, exactly as tested, in this order."""

    item: str
    changes: tuple[Tested, ...]
    state: str


@dataclass(frozen=True)
class Report:
    """Tell the author how it ended."""

    change: str
    patchset: int
    verdict: Verdict
    reasons: tuple[str, ...]
    failed: tuple[str, ...] = ()  # builds, for links and first lines of logs


@dataclass(frozen=True)
class Announce:
    """Tell the author that the gate has begun with a change."""

    change: str
    patchset: int
    ahead: tuple[str, ...]


Action = PrepareState | StartBuild | CancelBuild | Submit | Report | Announce
