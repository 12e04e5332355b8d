"""What a build is asked for, as the properties it is started with. Pure.

The *merge request* names the projects of a package and the changes merged on each, in merge
order; a worker makes the same trees of it every time (``lockgate-worker source merge``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True)
class ProjectSource:
    """How Gerrit keeps and merges one branch of a project."""

    project: str
    url: str  # to fetch from
    branch: str
    submit_type: str  # as Gerrit names it: MERGE_IF_NECESSARY, REBASE_ALWAYS, ...
    content_merge: bool  # whether files changed on both sides are merged by their content


@dataclass(frozen=True)
class PatchSet:
    """One patch set of a change: exactly what is merged and tested."""

    project: str
    branch: str
    number: int
    patchset: int
    revision: str

    @property
    def ref(self) -> str:
        """The ref Gerrit keeps it under."""
        return f"refs/changes/{self.number % 100:02d}/{self.number}/{self.patchset}"

    @property
    def label(self) -> str:
        """How people and file names call it: ``12.3`` for change 12, patch set 3."""
        return f"{self.number}.{self.patchset}"


def merge_request(
    sources: Iterable[ProjectSource],
    changes: Sequence[PatchSet],
    tips: Mapping[str, str] | None = None,
    trees: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Ask for the changes merged on their projects' tips.

    ``tips`` freezes the commits that are merged upon; ``trees`` names the trees that must come
    out, when the same state was made before.
    """
    sources = list(sources)
    return {
        "projects": [
            {
                "name": source.project,
                "url": source.url,
                "branch": source.branch,
                "submit_type": source.submit_type,
                "content_merge": source.content_merge,
                "tip": None if tips is None else tips.get(source.project),
                "changes": [
                    {
                        "number": change.number,
                        "patchset": change.patchset,
                        "ref": change.ref,
                        "revision": change.revision,
                    }
                    for change in changes
                    if change.project == source.project
                ],
            }
            for source in sources
        ],
        "expect": None
        if trees is None
        else {s.project: trees[s.project] for s in sources if s.project in trees},
    }


def build_properties(
    request: Mapping[str, Any], change: PatchSet | None, change_url: str | None = None
) -> dict[str, Any]:
    """Properties every package builder is started with."""
    properties: dict[str, Any] = {
        "merge_request": dict(request),
        "label": "tip" if change is None else change.label,
    }
    if change is not None:
        properties |= {
            "change": change.number,
            "patchset": change.patchset,
            "revision": change.revision,
            "change_url": change_url or "",
        }
    return properties
