"""Bringing an external mirror to the published generation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steps.program import WorkerProgram

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class SyncMirror(WorkerProgram):
    """One transaction: the mirror serves the old generation or the new one; answer: ``sync``.

    ``files`` are options of the program with the files they name, if any.
    """

    def __init__(
        self,
        package_format: str,
        repository: Path,
        rsync: str,
        url: str,
        files: Mapping[str, Path | None],
        **kwargs: Any,
    ) -> None:
        super().__init__(
            ["mirror", "sync"],
            arguments=[
                *("--format", package_format, "--repository", str(repository)),
                *("--to", rsync, "--url", url),
                *(word for name, file in files.items() if file for word in (name, str(file))),
            ],
            answer="sync",
            name="synchronise",
            **kwargs,
        )

    def succeeded(self, answer: dict[str, Any]) -> Any:
        """Keep the list of synchronised packages as a log of the step."""
        lines = [f"+ {package}" for package in answer["added"]]
        lines += [f"- {package}" for package in answer["removed"]]
        self.descriptionDone = (
            f"{len(lines)} packages, {answer['bytes_sent']} bytes in {answer['sessions']} sessions"
        )
        return self.addCompleteLog("packages", "\n".join(lines) + "\n" if lines else "no change\n")
