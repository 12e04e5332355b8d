"""What can happen to a gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Result = Literal["success", "failure", "timeout", "infra", "worker-lost"]


@dataclass(frozen=True)
class Approved:
    """A vote was cast that may let a change in."""

    change: str


@dataclass(frozen=True)
class ChangeEdited:
    """Something else about a change is different: votes, footers, comments, work in progress."""

    change: str


@dataclass(frozen=True)
class NewPatchSet:
    """A change got another patch set."""

    change: str


@dataclass(frozen=True)
class Abandoned:
    """A change was given up."""

    change: str


@dataclass(frozen=True)
class StatePrepared:
    """A speculative state was made; ``conflict`` says why it could not be, in words."""

    state: str
    conflict: str | None = None


@dataclass(frozen=True)
class StateLost:
    """The infrastructure failed making a speculative state."""

    state: str


@dataclass(frozen=True)
class BuildFinished:
    """A build has ended."""

    build: str
    result: Result


@dataclass(frozen=True)
class EarlyFailure:
    """A build that runs on can only fail."""

    build: str


@dataclass(frozen=True)
class NoWorker:
    """There is and will be no worker for a build."""

    build: str


@dataclass(frozen=True)
class SubmitFinished:
    """Gerrit answered a submit: which changes merged, and why the first other did not."""

    item: str
    merged: tuple[str, ...]
    refused: str | None = None


@dataclass(frozen=True)
class SubmitWithdrawn:
    """A submit was not made: somebody pushed to a branch that the item is built from."""

    item: str
    project: str
    branch: str


@dataclass(frozen=True)
class TipMoved:
    """Somebody pushed to a branch past the gate."""

    project: str
    branch: str


@dataclass(frozen=True)
class Enqueue:
    """An operator puts a change in, whatever the entry requirements."""

    change: str


@dataclass(frozen=True)
class Dequeue:
    """An operator takes a change out."""

    change: str


@dataclass(frozen=True)
class Promote:
    """An operator moves changes to the front, in this order."""

    changes: tuple[str, ...]


Event = (
    Approved
    | ChangeEdited
    | NewPatchSet
    | Abandoned
    | StatePrepared
    | StateLost
    | BuildFinished
    | EarlyFailure
    | NoWorker
    | SubmitFinished
    | SubmitWithdrawn
    | TipMoved
    | Enqueue
    | Dequeue
    | Promote
)
