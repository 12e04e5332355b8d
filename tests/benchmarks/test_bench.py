"""One line from beginning to end with Lockgate alone, and what is made of it."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from tests.benchmarks import apt_add
from tests.benchmarks.bench import bench
from tests.benchmarks.inputs import Inputs
from tests.benchmarks.measure import LOCKGATE, Line, Verdict
from tests.benchmarks.report import document, table

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[Line]:
    """What adding to 20 packages measures, in one round, without peers."""
    with bench(tmp_path_factory.mktemp("bench"), sizes={20: 1}, rounds=1) as ready:
        return list(apt_add.lines(ready, others=()))


def test_a_line_has_lockgates_time_and_what_it_is_made_of(lines: list[Line]) -> None:
    line, flat = lines

    assert line.name == "add 1 to 20 DEB"
    assert list(line.values) == [LOCKGATE]
    assert list(line.parts) == ["stage", "sign", "commit"]
    assert 0 < line.parts["stage"] < line.values[LOCKGATE] * 2
    assert list(flat.values) == [LOCKGATE, "in 20"]
    assert [verdict.wanted for verdict in flat.verdicts] == ["at most 2 x in 20"]


def test_the_document_holds_all_that_was_measured(lines: list[Line]) -> None:
    made = json.loads(json.dumps(document(lines)))

    assert [each["line"] for each in made["lines"]] == [line.name for line in lines]
    assert made["lines"][0]["values"].keys() == {LOCKGATE}
    assert made["lines"][0]["parts"].keys() == {"stage", "sign", "commit"}
    assert made["lines"][0]["ratios"] == {}
    assert list(made["lines"][1]["ratios"]) == ["in 20"]
    (target,) = made["lines"][1]["targets"]
    assert target.keys() == {"wanted", "found", "met"}


def test_the_table_shows_contestants_ratios_and_verdicts() -> None:
    line = Line(
        "add",
        {LOCKGATE: 10.0, "peer": 35.0},
        parts={"stage": 7.0},
        verdicts=[Verdict("4 x faster than peer", "3.5 x", met=False)],
    )
    text = io.StringIO()
    Console(file=text, width=120).print(table([line]))
    shown = [
        [cell.strip() for cell in row.split("│")[1:-1]] for row in text.getvalue().splitlines()
    ]

    assert ["add", "lockgate", "10.0", "ms", "", "4 x faster than peer", "3.5 x", "missed"] in shown
    assert ["", "stage", "7.0", "", "", "", "", ""] in shown
    assert ["", "peer", "35.0", "ms", "3.5", "", "", ""] in shown


def test_packages_are_made_once(tmp_path: Path) -> None:
    first = Inputs(tmp_path).packages("deb", 3)
    made = [path.stat().st_mtime_ns for path in first]
    again = Inputs(tmp_path).packages("deb", 3)

    assert again == first
    assert [path.stat().st_mtime_ns for path in again] == made
    assert len({path.name.split("_")[0] for path in first}) == len(first)
