"""What was measured, for people and for programs."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table

from tests.benchmarks.measure import LOCKGATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.measure import Line, Verdict

_MET = {True: "[green]met[/green]", False: "[red]missed[/red]", None: "-"}


def table(lines: Sequence[Line]) -> Table:
    """A table of all lines."""
    made = Table(title="Medians of interleaved rounds", title_justify="left")
    made.add_column("line")
    made.add_column("by")
    made.add_column("median", justify="right")
    made.add_column("")
    made.add_column("x Lockgate", justify="right")
    made.add_column("wanted")
    made.add_column("found", justify="right")
    made.add_column("")
    for line in lines:
        rows = _rows(line)
        verdicts = [_words(verdict) for verdict in line.verdicts]
        height = max(len(rows), len(verdicts))
        names = [line.name, *[""] * (height - 1)]
        rows += [("", "", "", "")] * (height - len(rows))
        verdicts += [("", "", "")] * (height - len(verdicts))
        for name, row, verdict in zip(names, rows, verdicts, strict=True):
            made.add_row(name, *row, *verdict)
        made.add_section()
    return made


def document(lines: Sequence[Line]) -> dict[str, Any]:
    """The same as data."""
    return {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"processors": os.cpu_count(), "system": platform.platform()},
        "lines": [
            {
                "line": line.name,
                "unit": line.unit,
                "values": line.values,
                "parts": line.parts,
                "ratios": line.ratios,
                "targets": [vars(verdict) for verdict in line.verdicts],
            }
            for line in lines
        ],
    }


def _rows(line: Line) -> list[tuple[str, str, str, str]]:
    rows = []
    for name, value in line.values.items():
        ratio = "" if name == LOCKGATE else f"{line.ratios[name]:.1f}"
        rows.append((name, f"{value:,.1f}", line.unit, ratio))
        if name == LOCKGATE:
            rows += [(f"  {part}", f"{of_it:,.1f}", "", "") for part, of_it in line.parts.items()]
    return rows


def _words(verdict: Verdict) -> tuple[str, str, str]:
    return verdict.wanted, verdict.found, _MET[verdict.met]
