"""What a repository tells people of its generations, held against what is signed of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, TypeAdapter, ValidationError

from workers.outcome import BadRequest
from workers.provenance.chain import is_stamp
from workers.repository.generations import INDEX
from workers.repository.package import Published

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.provenance.chain import Generation
    from workers.provenance.findings import Findings

INDEX_PATH = f"generations/{INDEX}"
_ROLLBACK = "rollback to "


def _checked(text: str) -> str:
    if not is_stamp(text):
        raise ValueError(f"{text[:100]!a} is no generation")
    return text


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    generation: Annotated[str, AfterValidator(_checked)]
    reason: str


class Line(_Told):
    """A generation in the index of those that are kept."""

    files_added: int
    files_removed: int


class Summary(_Told):
    """A generation's own description."""

    added: list[Published]
    removed: list[Published]


_LINES = TypeAdapter(list[Any])


def read_lines(findings: Findings) -> list[Line]:
    """The index of generations, the published one first; what cannot be read is a finding."""
    content = findings.content(INDEX_PATH)
    found: list[Line] = []
    if content is None:
        return found
    try:
        told = _LINES.validate_json(content)
    except ValidationError as error:
        findings.note(INDEX_PATH, "damaged", _first(error))
        return found
    for each in told:
        try:
            line = Line.model_validate(each)
        except ValidationError as error:
            findings.note(INDEX_PATH, "damaged", _first(error))
            continue
        if found and line.generation >= found[-1].generation:
            text = f"it lists {line.generation} after {found[-1].generation}"
            findings.note(INDEX_PATH, "damaged", text)
            continue
        found.append(line)
    return found


def check(findings: Findings, line: Line, this: Generation, before: Generation | None) -> None:
    """Hold what is told of a generation against it and the one before, None if it is not kept."""
    path = f"generations/{line.generation}.json"
    content = findings.content(path)
    if content is None:
        return
    with findings.damage_noted(path):
        try:
            summary = Summary.model_validate_json(content)
        except ValidationError as error:
            raise BadRequest(_first(error)) from error
        for text in _disagreements(summary, line, this, before):
            findings.note(path, "changed", text)
    if before is not None:
        paths, earlier = _paths(this), _paths(before)
        counts = len(paths - earlier), len(earlier - paths)
        if counts != (line.files_added, line.files_removed):
            text = f"{line.generation} added {counts[0]} files and removed {counts[1]}"
            findings.note(INDEX_PATH, "changed", text)


def check_rollbacks(findings: Findings, lines: list[Line], listings: dict[str, int]) -> None:
    """Hold those that went back against where they went; of each generation a hash of its list."""
    for line in lines:
        to = line.reason.removeprefix(_ROLLBACK)
        if to != line.reason and listings.get(to, here := listings.get(line.generation)) != here:
            text = f"{line.generation} does not list what {to} lists"
            findings.note(INDEX_PATH, "changed", text)


def _disagreements(
    summary: Summary, line: Line, this: Generation, before: Generation | None
) -> Iterator[str]:
    """Pure."""
    if (summary.generation, summary.reason) != (line.generation, line.reason):
        yield f"it is not the {line.reason} of {line.generation}, which {INDEX_PATH} tells of"
    added, removed = set(summary.added), set(summary.removed)
    if before is None:
        wrong = added - this.packages | removed & this.packages
    else:
        wrong = added ^ (this.packages - before.packages)
        wrong |= removed ^ (before.packages - this.packages)
    for package in sorted(wrong, key=lambda each: each.file):
        yield f"what it says of {package.file} is not what was added or removed"
    if summary.reason == "refresh" and (added or removed):
        yield "it says that it changed nothing but its date, and that packages changed"


def _paths(generation: Generation) -> set[str]:
    return {listed.file for listed in generation.files}


def _first(error: ValidationError) -> str:
    first: Any = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])
