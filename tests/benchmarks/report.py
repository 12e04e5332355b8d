"""What was measured, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from tests.benchmarks.lockgate import COLD
from tests.benchmarks.measure import LOCKGATE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.benchmarks.measure import Line, Verdict

_MET = {True: "[green]met[/green]", False: "[red]missed[/red]", None: "-"}
_CAPTION = (
    f"{LOCKGATE}: its core, in a process that stays; wanted is told of this one. "
    f"{COLD}: its programs, each act a process of its own, as the steps of a build start them."
)


def table(lines: Mapping[str, Line]) -> Table:
    """A table of all lines, by their names."""
    made = Table(
        title="Medians of interleaved rounds",
        title_justify="left",
        caption=_CAPTION,
        caption_justify="left",
    )
    made.add_column("line")
    made.add_column("by")
    made.add_column("median", justify="right")
    made.add_column("")
    made.add_column("x Lockgate", justify="right")
    made.add_column("wanted")
    made.add_column("found", justify="right")
    made.add_column("")
    for name, line in lines.items():
        rows = _rows(line)
        verdicts = [_words(verdict) for verdict in line.verdicts]
        height = max(len(rows), len(verdicts))
        names = [name, *[""] * (height - 1)]
        rows += [("", "", "", "")] * (height - len(rows))
        verdicts += [("", "", "")] * (height - len(verdicts))
        for shown, row, verdict in zip(names, rows, verdicts, strict=True):
            made.add_row(shown, *row, *verdict)
        made.add_section()
    return made


def document(lines: Mapping[str, Line], about: Mapping[str, Any]) -> dict[str, Any]:
    """The same as data, with what is to be known about the run."""
    return {
        **about,
        "lines": [
            {
                "line": name,
                "failed": line.failed,
                "unit": line.unit,
                "values": line.values,
                "details": line.details,
                "ratios": line.ratios,
                "targets": [vars(verdict) for verdict in line.verdicts],
                "notes": line.notes,
            }
            for name, line in lines.items()
        ],
    }


def _rows(line: Line) -> list[tuple[str, str, str, str]]:
    if line.failed is not None:
        return [("[red]failed[/red]", "", "", "")]
    rows = []
    for name, value in line.values.items():
        ratio = f"{line.ratios[name]:.1f}" if name in line.ratios else ""
        rows.append((name, f"{value:,.1f}", line.unit, ratio))
        details = line.details.get(name, {})
        rows += [(f"  {detail}", f"{of_it:,.1f}", "", "") for detail, of_it in details.items()]
    return rows


def _words(verdict: Verdict) -> tuple[str, str, str]:
    return verdict.wanted, verdict.found, _MET[verdict.met]
