"""What the demonstration says at its end."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console

from master.demo import summary
from master.demo.progress import Line
from master.demo.proposals import Proposal
from master.demo.stopwatch import Stopwatch
from master.demo.story import Told

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

_MESSAGE = """\
Patch Set 1: Verified-1

Check failed.

FAILED check/main/ncompress
http://127.0.0.1:8010/#/builders/1/builds/2

build: does not compile
 compress42.c:7: error: expected declaration
Log: http://127.0.0.1:8010/#/builders/3/builds/4
"""


def told(title: str, *, good: bool, rejected_with: str | None = None) -> Told:
    line = Line(title, "rejected" if rejected_with else "published", began=10, ended=52, good=good)
    proposal = Proposal("ncompress", title, lambda _read: {})
    return Told(proposal, line, rejected_with=rejected_with, seconds={"checked": 12.4})


def text(table: Table) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=140).print(table)
    return [" ".join(line.replace("│", " ").split()) for line in file.getvalue().splitlines()]


def test_each_change_has_its_end_and_its_times() -> None:
    rows = text(
        summary.changes(
            [told("1 a: Good", good=True), told("2 b: Bad", good=False, rejected_with="x")]
        )
    )
    assert "1 a: Good published yes 12 s 42 s" in rows
    assert "2 b: Bad rejected NO 12 s 42 s" in rows


def test_a_rejected_change_is_shown_with_stage_reason_and_first_lines_of_the_failure() -> None:
    tales = [told("1 a: Good", good=True), told("5 b: Bad", good=True, rejected_with=_MESSAGE)]
    assert list(summary.rejections(tales)) == [
        "5 b: Bad\n  was told in Gerrit:",
        "    Check failed.",
        "    FAILED check/main/ncompress",
        "    http://127.0.0.1:8010/#/builders/1/builds/2",
        "    build: does not compile",
        "     compress42.c:7: error: expected declaration",
        "    Log: http://127.0.0.1:8010/#/builders/3/builds/4",
    ]


def test_long_details_are_cut_and_the_link_to_the_log_stays() -> None:
    message = _MESSAGE.replace("\nLog:", "\n note: and so on" * 20 + "\nLog:")
    *_, before, last = summary.rejections([told("5 b: Bad", good=True, rejected_with=message)])
    assert message.count("and so on") == 20
    assert before == "     note: and so on"
    assert last == "    Log: http://127.0.0.1:8010/#/builders/3/builds/4"
    assert len(list(summary.rejections([told("b", good=True, rejected_with=message)]))) == 12


def test_times_stand_beside_those_of_the_run_that_filled_the_caches(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "first-run.json"
    first = Stopwatch(file)
    first.taken["Gerrit"] = 30.0
    assert list(first.runs()) == ["first run"]
    file.parent.mkdir()
    first.keep()
    later = Stopwatch(file)
    with later.of("Gerrit"):
        pass
    later.keep()  # which is none to keep
    assert text(summary.times(later.runs())).count("Gerrit 30.0 s 0.0 s") == 1


def test_a_first_run_that_was_cut_short_is_not_compared_with(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "first-run.json"
    file.parent.mkdir()
    later = Stopwatch(file)
    later.keep()
    assert list(later.runs()) == ["this run"]
