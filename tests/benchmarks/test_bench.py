"""Every line from beginning to end, tiny, and what is made of it."""

from __future__ import annotations

import io
import json
import platform
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from rich.console import Console

from tests.benchmarks import __main__ as command
from tests.benchmarks.adding import adding
from tests.benchmarks.bench import Bench, Scale, bench
from tests.benchmarks.inputs import Inputs
from tests.benchmarks.lockgate import COLD, ResidentRpm
from tests.benchmarks.machine import about
from tests.benchmarks.measure import LOCKGATE, Line, Verdict
from tests.benchmarks.peers import CreaterepoC
from tests.benchmarks.report import document, table
from tests.benchmarks.served import Wrong

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SCALE = Scale(sizes={20: 1}, rounds=1, packages=20, publishes=3, kills=1, builds=1)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """What all lines of these tests are measured with."""
    with bench(tmp_path_factory.mktemp("bench"), _SCALE) as made:
        yield made


def _measure(ready: Bench, group: str) -> dict[str, Line]:
    return {name: measure() for name, measure in command.LINES[group](ready).items()}


@pytest.mark.parametrize("group", ["apt-add", "rpm-add"])
def test_adding_is_measured_in_this_process_and_cold(ready: Bench, group: str) -> None:
    line, flat = _measure(ready, group).values()

    assert {LOCKGATE, COLD} <= line.values.keys()
    assert list(line.details[LOCKGATE]) == ["stage", "sign", "commit"]
    assert 0 < line.details[LOCKGATE]["stage"] < line.values[LOCKGATE] * 2
    assert list(flat.values) == [LOCKGATE, "in 20"]
    assert [verdict.wanted for verdict in flat.verdicts] == ["at most 2 x in 20"]


def test_a_publisher_that_did_not_publish_is_not_measured(ready: Bench) -> None:
    class Idle(CreaterepoC):
        """It says that all is done."""

        def add(self, package: Path) -> None:
            del package

    with pytest.raises(Wrong, match="lists 20 packages instead of 22"):
        adding(ready, ResidentRpm, [Idle], 20)


def test_fresh_repositories_are_measured(ready: Bench) -> None:
    for line in _measure(ready, "test-repository").values():
        assert {LOCKGATE, COLD} <= line.values.keys()


def test_mirrors_are_measured_by_bytes_and_sessions(ready: Bench) -> None:
    _, rpm = _measure(ready, "mirror").values()

    assert rpm.values[LOCKGATE] > 0
    assert rpm.details[LOCKGATE]["sessions"] <= 3
    assert rpm.details["createrepo_c, rsync -a --delete"]["sessions"] == 1
    assert rpm.details["createrepo_c, classic script"]["sessions"] == 11


def test_no_client_of_lockgate_fails_meanwhile(ready: Bench) -> None:
    for line in _measure(ready, "clients").values():
        assert line.values[LOCKGATE] == 0, line.notes
        seen = line.details[LOCKGATE]
        assert seen["publishes"] == _SCALE.publishes
        assert seen["transactions, repository"] >= 2
        assert seen["transactions, mirror"] >= 2


def test_what_is_killed_is_whole_and_goes_on(ready: Bench) -> None:
    for line in _measure(ready, "crash").values():
        for name in (LOCKGATE, "lockgate's mirror"):
            assert line.values[name] == 0, line.notes
            assert line.details[name]["killed"] == _SCALE.kills


def test_builds_are_measured_beside_those_by_hand(ready: Bench) -> None:
    for line in _measure(ready, "build").values():
        assert list(line.values) == [LOCKGATE, "by hand"]
        assert line.details[LOCKGATE]["stage build"] > 0


def test_a_line_that_fails_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> Line:
        raise ValueError("no such peer")

    measured = {"bad": fails, "good": lambda: Line({LOCKGATE: 1.0})}
    monkeypatch.setattr(command, "LINES", {"apt-add": lambda _: measured})
    told = tmp_path / "told.json"
    done = CliRunner().invoke(command.main, ["--work", str(tmp_path), "--json", str(told)])
    bad, good = json.loads(told.read_text())["lines"]

    assert done.exit_code == 1
    assert bad["failed"] == "ValueError: no such peer"
    assert good["values"] == {LOCKGATE: 1.0}
    assert "no such peer" in done.output


def test_the_document_says_what_was_measured_where_and_with_what() -> None:
    line = Line(
        {LOCKGATE: 10.0, "peer": 35.0},
        {LOCKGATE: {"stage": 7.0}},
        verdicts=[Verdict("4 x faster than peer", "3.5 x", met=False)],
    )
    made = json.loads(json.dumps(document({"add": line}, about())))
    (told,) = made["lines"]

    assert made["machine"]["kernel"] == platform.release()
    assert made["machine"]["processor"]
    assert {made["programs"][name] for name in ("createrepo_c", "rsync", "gpg")}.isdisjoint({None})
    assert told["line"] == "add"
    assert told["details"] == {LOCKGATE: {"stage": 7.0}}
    assert told["ratios"] == {"peer": 3.5}
    assert told["targets"] == [{"wanted": "4 x faster than peer", "found": "3.5 x", "met": False}]


def test_the_table_shows_contestants_ratios_and_verdicts() -> None:
    line = Line(
        {LOCKGATE: 10.0, "peer": 35.0},
        {LOCKGATE: {"stage": 7.0}, "peer": {"sessions": 2.0}},
        verdicts=[Verdict("4 x faster than peer", "3.5 x", met=False)],
    )
    text = io.StringIO()
    lines = {"add": line, "other": Line(failed="it broke")}
    Console(file=text, width=130).print(table(lines))
    shown = [
        [cell.strip() for cell in row.split("│")[1:-1]] for row in text.getvalue().splitlines()
    ]

    assert ["add", "lockgate", "10.0", "ms", "", "4 x faster than peer", "3.5 x", "missed"] in shown
    assert ["", "stage", "7.0", "", "", "", "", ""] in shown
    assert ["", "peer", "35.0", "ms", "3.5", "", "", ""] in shown
    assert ["", "sessions", "2.0", "", "", "", "", ""] in shown
    assert ["other", "failed", "", "", "", "", "", ""] in shown


def test_packages_are_made_once(tmp_path: Path) -> None:
    first = Inputs(tmp_path).packages("deb", 3)
    made = [path.stat().st_mtime_ns for path in first]
    again = Inputs(tmp_path).packages("deb", 3)

    assert again == first
    assert [path.stat().st_mtime_ns for path in again] == made
    assert len({path.name.split("_")[0] for path in first}) == len(first)


def test_packages_that_change_keep_their_names(tmp_path: Path) -> None:
    first, later = (Inputs(tmp_path).changing("deb", revision) for revision in (0, 1))

    assert {path.name.split("_")[0] for path in first} == {
        path.name.split("_")[0] for path in later
    }
    assert {path.name for path in first}.isdisjoint({path.name for path in later})
