"""``python -m tests.benchmarks``: measure Lockgate against its peers, all in one run.

It measures and never judges: a target that is missed is told and is no failure.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from tests.benchmarks import apt_add, building, fresh_repository, mirroring, reading, rpm_add
from tests.benchmarks.bench import bench
from tests.benchmarks.report import document, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.measure import Line

LINES: dict[str, Callable[[Bench], Iterator[Line]]] = {
    "apt-add": apt_add.lines,
    "rpm-add": rpm_add.lines,
    "test-repository": fresh_repository.lines,
    "mirror": mirroring.lines,
    "clients": reading.lines,
    "build": building.lines,
}
_SIZES, _ROUNDS = {100: 9, 1_000: 9, 10_000: 5}, 9
_QUICK_SIZES, _QUICK_ROUNDS = {100: 3, 1_000: 3}, 3
_WIDTH = 120  # also where the output is no terminal


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
    """Measure how long publishing takes."""
    told = Console(stderr=True)
    lines: list[Line] = []
    with ExitStack() as ending:
        top = work or Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        sizes, rounds = (_QUICK_SIZES, _QUICK_ROUNDS) if quick else (_SIZES, _ROUNDS)
        ready = ending.enter_context(bench(top.resolve(), sizes, rounds))
        for name in only or LINES:
            for line in LINES[name](ready):
                told.print(f"{line.name}: {line.values}", highlight=False)
                lines.append(line)
    Console(width=max(Console().width, _WIDTH)).print(table(lines))
    if json_file is not None:
        json_file.write_text(json.dumps(document(lines), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
