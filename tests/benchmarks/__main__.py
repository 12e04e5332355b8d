"""``python -m tests.benchmarks``: measure Lockgate against its peers, all in one run.

It measures and never judges: a target that is missed is told and is no failure. A line that cannot
be measured is told too, and the run fails in the end.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from tests.benchmarks import (
    apt_add,
    building,
    crashing,
    fresh_repository,
    mirroring,
    reading,
    rpm_add,
)
from tests.benchmarks.bench import Bench, Scale, bench
from tests.benchmarks.machine import about
from tests.benchmarks.measure import Line, attempt
from tests.benchmarks.report import document, table

if TYPE_CHECKING:
    from collections.abc import Callable

LINES: dict[str, Callable[[Bench], dict[str, Callable[[], Line]]]] = {
    "apt-add": apt_add.lines,
    "rpm-add": rpm_add.lines,
    "test-repository": fresh_repository.lines,
    "mirror": mirroring.lines,
    "clients": reading.lines,
    "crash": crashing.lines,
    "build": building.lines,
}
_SCALE = Scale(
    sizes={100: 9, 1_000: 9, 10_000: 5}, rounds=9, packages=1_000, publishes=200, kills=25, builds=5
)
_QUICK = Scale(sizes={100: 3, 1_000: 3}, rounds=3, packages=1_000, publishes=40, kills=5, builds=2)
_NOTE_LENGTH = 500  # of what is shown; the data have all of it
_WIDTH = 130  # also where the output is no terminal


@click.command()
@click.option("--quick", is_flag=True, help="Small repositories and few rounds.")
@click.option("--only", type=click.Choice(list(LINES)), multiple=True, help="Measure these.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where to write data.")
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    help="A folder that keeps the packages made for the next run.",
)
def main(*, quick: bool, only: tuple[str, ...], json_file: Path | None, work: Path | None) -> None:
    """Measure publishing, mirroring and building."""
    told = Console(stderr=True)
    lines: dict[str, Line] = {}
    machine = about()
    with ExitStack() as ending:
        top = work or Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        ready = ending.enter_context(bench(top.resolve(), _QUICK if quick else _SCALE))
        for name, measure in _chosen(ready, only or tuple(LINES)).items():
            began = time.monotonic()
            line = lines[name] = attempt(measure)
            took = f"{time.monotonic() - began:.0f} s"
            told.print(f"{name} ({took}): {line.failed or line.values}", highlight=False)
            if json_file is not None:  # so far; a run that is ended has measured something too
                text = json.dumps(document(lines, machine), indent=1) + "\n"
                json_file.write_text(text, encoding="utf-8")
    shown = Console(width=max(Console().width, _WIDTH))
    shown.print(table(lines))
    for name, line in lines.items():
        for note in [*([line.failed] if line.failed else []), *line.notes]:
            words = " ".join(note.split())[:_NOTE_LENGTH]
            shown.print(f"{name}: {words}", highlight=False, markup=False)
    sys.exit(any(line.failed for line in lines.values()))


def _chosen(ready: Bench, names: tuple[str, ...]) -> dict[str, Callable[[], Line]]:
    return {name: line for each in names for name, line in LINES[each](ready).items()}


if __name__ == "__main__":
    main()
