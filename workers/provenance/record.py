"""What the master knows of the way a package took to be published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from workers.outcome import BadRequest

if TYPE_CHECKING:
    from pathlib import Path

_Text = Annotated[str, StringConstraints(max_length=500)]
_GitId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]
_Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Change(_Part):
    """A change in Gerrit."""

    number: int
    patchset: int
    revision: _GitId
    url: _Text


class Approval(_Part):
    """A person's vote on a change, as it was when it was published."""

    who: _Text
    label: _Text
    value: int


class Source(_Part):
    """A project the package is built from, in the state that was built."""

    project: _Text
    url: _Text
    branch: _Text
    commit: _GitId
    tree: _GitId


class Merged(_Part):
    """What the change became on its branch."""

    project: _Text
    commit: _GitId
    tree: _GitId
    as_tested: bool
    """Whether that is the tree that was tested, so that what was tested is published."""


class Inputs(_Part):
    """What a build's result depends on besides its sources; see `workers.build.inputs`."""

    key: _Sha256
    root: _Text
    dependencies: Annotated[list[_Text], Field(max_length=20_000)]
    """``SHA256  NAME`` of each package installed in the root."""
    options: dict[str, _Text]


class Run(_Part):
    """One of Buildbot's builds."""

    builder: _Text
    url: _Text
    result: _Text
    started: Annotated[str, StringConstraints(max_length=40)]
    """In UTC, as RFC 3339 writes it."""
    finished: Annotated[str, StringConstraints(max_length=40)] | None = None


class Record(_Part):
    """The whole way: who proposed and approved what, what was built of it, and how it fared."""

    release: _Text
    package: _Text
    change: Change | None
    """None for what was pushed past the gate."""
    approvals: list[Approval]
    sources: Annotated[list[Source], Field(min_length=1)]
    merged: Merged | None
    """None where the tip of the branch was built and published."""
    inputs: Inputs
    built: dict[_Text, Annotated[dict[_Text, _Sha256], Field(min_length=1)]]
    """The files the build made: ``sha256``, and what outlasts the signing of an RPM package."""
    runs: list[Run]
    """Builds and tests that let it pass."""
    publisher: Run


def read_record(path: Path) -> Record:
    """The record in a file of JSON; raises BadRequest for anything else."""
    try:
        return Record.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise BadRequest(f"{path} is no record of where packages come from", str(error)) from error
