"""Root images that builds and tests run in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steps.program import WorkerProgram

if TYPE_CHECKING:
    from pathlib import Path


class RefreshRoots(WorkerProgram):
    """Makes a worker's root images anew; builds go on in the old ones meanwhile."""

    def __init__(self, roots: Path, **kwargs: Any) -> None:
        super().__init__(
            ["root", "refresh"], arguments=["--cache", str(roots)], name="refresh-roots", **kwargs
        )

    def succeeded(self, answer: dict[str, Any]) -> None:
        """Say which were made."""
        self.descriptionDone = ", ".join(answer["images"]) or "none was made yet"
