"""Cleaning up what nobody refers to any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.plugins import util

from steps.build import STORE
from steps.in_use import IN_USE
from steps.program import WorkerProgram

if TYPE_CHECKING:
    from pathlib import Path


class _Clean(WorkerProgram):
    """Lists what was removed as a log."""

    def succeeded(self, answer: dict[str, Any]) -> Any:
        """Say how much was removed."""
        removed = answer["removed"]
        self.descriptionDone = f"{len(removed)} removed"
        return self.addCompleteLog("removed", "".join(f"{name}\n" for name in removed))


class CleanArtifacts(_Clean):
    """Keeps the artifacts and the store of builds below a size."""

    def __init__(self, root: Path, most_mib: int, **kwargs: Any) -> None:
        super().__init__(
            ["artifacts", "clean"],
            arguments=[
                *("--root", str(root), "--store", str(root / STORE)),
                *("--most-mib", str(most_mib)),
            ],
            request=util.Property(IN_USE),
            name="clean-artifacts",
            **kwargs,
        )


class CleanTestRepositories(_Clean):
    """Removes old test repositories."""

    def __init__(self, served: Path, days: float, **kwargs: Any) -> None:
        super().__init__(
            ["repository", "clean-tests"],
            arguments=["--served", str(served), "--days", str(days)],
            request=util.Property(IN_USE),
            name="clean-test-repositories",
            **kwargs,
        )
