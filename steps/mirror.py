"""Bringing an external mirror to the published generation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.plugins import util

from steps.program import WorkerProgram

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REPORT = "report"  # folder below the build's working folder: which packages came and went
FULL = "full"  # property: whether every byte of the mirror is compared
_SYNC = "sync"  # property


@util.renderer
def _full(properties: Any) -> list[str]:
    return ["--full"] if properties.getProperty(FULL) else []


def did_something(step: Any) -> bool:
    """Whether a mirror was written, and did not just have everything."""
    return bool(step.getProperty(_SYNC)["sessions"])


class SyncMirror(WorkerProgram):
    """One transaction: the mirror serves the old generation or the new one; answer: ``sync``.

    The answer counts; the packages are in the folder :data:`REPORT`. ``files`` are options of the
    program with the files they name, if any.
    """

    def __init__(
        self,
        repository: Path,
        rsync: str,
        url: str,
        files: Mapping[str, Path | None],
        **kwargs: Any,
    ) -> None:
        super().__init__(
            ["mirror", "sync"],
            arguments=[
                *("--repository", str(repository), "--to", rsync, "--url", url),
                *(word for name, file in files.items() if file for word in (name, str(file))),
                *("--report", REPORT, _full),
            ],
            answer=_SYNC,
            name="synchronise",
            **kwargs,
        )

    def succeeded(self, answer: dict[str, Any]) -> None:
        """Say on the build's page what the mirror's clients got, and what that cost."""
        self.descriptionDone = (
            f"{answer['packages_added']} packages added, {answer['packages_removed']} removed; "
            f"{answer['bytes_sent']} bytes in {answer['sessions']} sessions"
        )
