"""Compares what Gerrit merged with what was tested (G4)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers.outcome import InfrastructureFault
from workers.source.mirror import open_mirror

if TYPE_CHECKING:
    from workers.source.mirror import Mirror


def compare_merged(
    url: str, branch: str, expected: str, commit: str | None, work: Path | None
) -> dict[str, Any]:
    """Say whether a branch holds the tested tree: ``commit``, ``tree`` and ``same``.

    ``commit`` is what Gerrit made of the submitted change; None asks about the branch's tip.
    Without ``work`` the history is fetched anew. Raises InfrastructureFault when the server does
    not answer or the commit is not in the branch.
    """
    if work is not None:
        return _compare(work, url, branch, expected, commit)
    with tempfile.TemporaryDirectory(prefix="lockgate-merged-") as folder:
        return _compare(Path(folder), url, branch, expected, commit)


def _compare(
    work: Path, url: str, branch: str, expected: str, commit: str | None
) -> dict[str, Any]:
    with open_mirror(work, url) as mirror:
        tip = mirror.fetch(url, branch)
        merged = tip if commit is None else _in_branch(mirror, commit, tip, branch)
        tree = mirror.tree(merged)
        return {"commit": merged, "tree": tree, "same": tree == expected}


def _in_branch(mirror: Mirror, commit: str, tip: str, branch: str) -> str:
    if not mirror.has(commit) or not mirror.is_ancestor(commit, tip):
        raise InfrastructureFault(f"{commit} is not in branch {branch}, although it was merged")
    return commit
