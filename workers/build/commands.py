"""Running a build's commands in its sandbox, within what is left of its time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.build import failure

if TYPE_CHECKING:
    from pathlib import Path

    from workers.build.request import Stages
    from workers.sandbox import Sandbox


@dataclass(frozen=True)
class Commands:
    """The commands of one build; one that fails raises whose fault that is."""

    sandbox: Sandbox
    stages: Stages
    log: Path

    def must(self, what: str, *command: str) -> None:
        """Run a command as the ordinary user; ``what`` it does is told if it fails."""
        begun = failure.written(self.log)
        result = self.sandbox.run(command, seconds=self.stages.left)
        if not result.success:
            raise failure.explain(result, what, self.log, begun)

    def ask(self, *command: str) -> str:
        """Return what a command prints."""
        begun = failure.written(self.log)
        result = self.sandbox.run(command, capture=True, seconds=self.stages.left)
        if not result.success:
            raise failure.explain(result, f"reading with {command[0]}", self.log, begun)
        return result.output.decode(errors="replace")
