"""What all parts of a gate's shell work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from schedulers.gate_shell.memory import Memory
    from schedulers.gate_shell.work import Work
    from schedulers.ports import GerritPort, ReleasePlan


@dataclass(frozen=True)
class Context:
    """One gate's surroundings."""

    gerrit: GerritPort
    release: ReleasePlan
    work: Work
    memory: Memory
    remember: Callable[[], Awaitable[None]]
    """Write the memory, and the machine's snapshot with it, into the database."""
