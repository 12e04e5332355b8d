"""Generations that are staged: all of them but the commit, in ``.stage/NAME``."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from workers import files
from workers.names import identifier
from workers.repository.generations import Line  # noqa: TC001 - read when restored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence, Set
    from pathlib import Path

    from workers.files import Together

_PLAN_FILE = "plan.json"
_GENERATION_FILE = "generation.json"


@dataclass(frozen=True)
class Plan:
    """What a stage brings, and where it goes when it is committed."""

    line: Line
    """Its place in the log; the commit point's digest is not known yet."""
    placed: list[str]
    """Paths of what it needs and was not there before, or for other stages only."""


_PLAN = TypeAdapter(Plan)


@dataclass(frozen=True)
class Stages:
    """The stages of a repository."""

    root: Path
    committed: Callable[[], Sequence[Line]]
    """Answers the lines of the generations that are kept."""

    def folder(self, name: str) -> Path:
        """Where a stage lies; raises BadRequest for what cannot be the name of one."""
        return self._top / identifier(name)

    def plan(self, stage: Path) -> Plan | None:
        """What was staged; None if there is nothing, or its writer was killed before it said so."""
        try:
            return _PLAN.validate_json((stage / _PLAN_FILE).read_bytes())
        except FileNotFoundError:
            return None

    def generation(self, stage: Path) -> Path:
        """The description of what a stage becomes."""
        return stage / _GENERATION_FILE

    def write(self, stage: Path, plan: Plan, generation: bytes, made: Together) -> None:
        """Say what is going to be staged, before anything else appears."""
        made.write(stage / _PLAN_FILE, _PLAN.dump_json(plan))
        made.write(self.generation(stage), generation)

    def unpublished(self) -> set[str]:
        """Paths of what is there for stages alone."""
        staged = {path for plan in self._plans().values() for path in plan.placed}
        if not staged:
            return staged
        return staged - _used(self.committed())

    def discard(self, stage: Path) -> None:
        """Take a stage away with what it brought and is of no use to anybody else."""
        plans = self._plans()
        plan = plans.pop(stage, None)
        if plan is not None:
            lines = [*self.committed(), *(other.line for other in plans.values())]
            for path in set(plan.placed) - _used(lines):
                files.remove(self.root / path, self.root)
        if stage.exists():
            shutil.rmtree(stage)

    def discard_old(self, seconds: float) -> None:
        """Take away all that were made so long ago."""
        for stage in list(self._top.iterdir()):
            if time.time() - stage.stat().st_mtime >= seconds:
                self.discard(stage)

    def discard_those_with(self, paths: Set[str]) -> None:
        """Take away those that brought one of these files."""
        for stage, plan in self._plans().items():
            if not paths.isdisjoint(plan.placed):
                self.discard(stage)

    @property
    def _top(self) -> Path:
        return self.root / ".stage"

    def _plans(self) -> dict[Path, Plan]:
        found = {stage: self.plan(stage) for stage in sorted(self._top.glob("*"))}
        return {stage: plan for stage, plan in found.items() if plan is not None}


def _used(lines: Iterable[Line]) -> set[str]:
    return {path for line in lines for path in (*line.added, *line.indexes)}
