"""What a speculative state is asked for."""

from __future__ import annotations

import enum
import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from workers.names import branch_name, project_name
from workers.outcome import BadRequest

SCHEMES = ("http", "https", "ssh", "file")

ObjectId = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]


class SubmitType(enum.StrEnum):
    """How a Gerrit project brings a change into its branch ("Submit Types" of Gerrit's manual)."""

    MERGE_IF_NECESSARY = "MERGE_IF_NECESSARY"
    FAST_FORWARD_ONLY = "FAST_FORWARD_ONLY"
    REBASE_IF_NECESSARY = "REBASE_IF_NECESSARY"
    REBASE_ALWAYS = "REBASE_ALWAYS"
    MERGE_ALWAYS = "MERGE_ALWAYS"
    CHERRY_PICK = "CHERRY_PICK"


def git_url(text: str) -> str:
    """An address git may fetch from: http, https, ssh or file; else :class:`BadRequest`."""
    if (
        re.fullmatch(rf"({'|'.join(SCHEMES)})://[^\s\x00-\x1f\x7f-][^\s\x00-\x1f\x7f]*", text)
        is None
    ):
        raise BadRequest(f"address {text[:200]!a} is not allowed: give {', '.join(SCHEMES)}://...")
    return text


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Change(_Asked):
    """One patch set of a change, as Gerrit names it."""

    number: Annotated[int, Field(ge=1)]
    patchset: Annotated[int, Field(ge=1)]
    ref: str
    revision: ObjectId

    @model_validator(mode="after")
    def _ref_is_its_own(self) -> Self:
        expected = f"refs/changes/{self.number % 100:02d}/{self.number}/{self.patchset}"
        if self.ref != expected:
            raise ValueError(f"the ref of this patch set is {expected}")
        return self


class Project(_Asked):
    """A project's branch and the changes to merge on it, in merge order."""

    name: Annotated[str, AfterValidator(project_name)]
    url: Annotated[str, AfterValidator(git_url)]
    branch: Annotated[str, AfterValidator(branch_name)]
    submit_type: SubmitType
    content_merge: bool
    tip: ObjectId | None
    """What to merge on; None: the branch's tip when it is fetched."""
    at_tree: ObjectId | None = None
    """With no tip: merge on the branch's newest commit that has this tree."""
    changes: tuple[Change, ...]


class MergeRequest(_Asked):
    """The projects of a package, where to put their trees, and which trees must come out."""

    work: Path
    """Folder of git mirrors kept from one request to the next."""
    projects: Annotated[tuple[Project, ...], Field(min_length=1)]
    export: dict[str, Path] | None = None
    expect: dict[str, ObjectId] | None = None

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        names = [project.name for project in self.projects]
        if len(set(names)) != len(names):
            raise ValueError("a project is named twice")
        for key, named in (("export", self.export), ("expect", self.expect)):
            for name in set(named or ()) - set(names):
                raise ValueError(f"{key} names {name!a}, which is not among the projects")
        return self


def read_request(text: str) -> MergeRequest:
    """Read a request written in JSON; :class:`BadRequest` names the first wrong place."""
    try:
        return MergeRequest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise BadRequest(f"merge request, {place}: {first['msg']}") from error
