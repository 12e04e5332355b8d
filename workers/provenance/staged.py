"""What lies in a repository for a generation that is being made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from pathlib import Path

    from workers.provenance.findings import Findings

_LONGEST_PLAN = 256 << 20  # bytes; a first one names all files of a repository


class _Line(BaseModel):
    added: list[str]
    indexes: list[str]


class _Plan(BaseModel):
    line: _Line


def staged(findings: Findings, root: Path) -> set[str]:
    """Paths that are told of by what is staged; nobody has signed that."""
    found: set[str] = set()
    for plan in sorted(root.glob(".stage/*/plan.json")):
        path = str(plan.relative_to(root))
        try:
            if plan.stat().st_size > _LONGEST_PLAN:
                raise ValueError(f"it is longer than {_LONGEST_PLAN} bytes")
            line = _Plan.model_validate_json(plan.read_bytes()).line
        except ValueError as error:
            findings.note(path, "damaged", str(error))
            continue
        found.update(line.added, line.indexes)
    return found
