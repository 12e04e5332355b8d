"""Showing what happens: one live line a change on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from rich.console import Console


@dataclass
class Line:
    """One change: what it is, where it is, since when."""

    title: str
    stage: str = "waiting to be pushed"
    since: float = field(default_factory=time.monotonic)  # when the stage began
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    good: bool | None = None  # whether it came out as it should

    def seconds(self) -> float:
        """How long it has taken, or took."""
        return (self.ended or time.monotonic()) - self.began

    def stage_seconds(self) -> float:
        """How long it has been where it is."""
        return time.monotonic() - self.since


class Progress:
    """The lines of all changes, kept up to date where people look."""

    def __init__(self, console: Console, lines: Sequence[Line]) -> None:
        self.console = console
        self.lines = lines
        self._live = Live(console=console, refresh_per_second=4, get_renderable=self.table)

    def __enter__(self) -> Progress:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.console.is_terminal:
            self._live.stop()

    def move(self, line: Line, stage: str) -> None:
        """A change came to another stage."""
        if stage == line.stage:
            return
        line.stage, line.since = stage, time.monotonic()
        if not self.console.is_terminal:
            self.console.print(f"[{line.seconds():5.0f} s] {line.title}: {stage}", markup=False)

    def end(self, line: Line, stage: str, *, good: bool) -> None:
        """A change came to its end."""
        line.ended, line.good = time.monotonic(), good
        line.stage = ""
        self.move(line, stage)

    def table(self) -> Table:
        """All lines as a table: where each change is, for how long, and how long in all."""
        table = Table(box=None, pad_edge=False)
        table.add_column("change")
        table.add_column("stage", no_wrap=True)
        for heading in ("for", "in all"):
            table.add_column(heading, no_wrap=True, justify="right")
        for line in self.lines:
            mark = {True: "[green]✓[/] ", False: "[red]✗[/] ", None: ""}[line.good]
            stage_time = f"{line.stage_seconds():.0f} s" if line.ended is None else ""
            table.add_row(
                # One line a change on a narrow terminal too: its title is what gives way.
                Text(line.title, no_wrap=True, overflow="ellipsis"),
                f"{mark}{line.stage}",
                stage_time,
                f"{line.seconds():.0f} s",
            )
        return table
