"""What a person sees while the changes are on their way."""

from __future__ import annotations

import io
import os
import re
import time

import pytest
from rich.console import Console

from master.demo.progress import Line, Progress

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_UP = "\x1b[1A\x1b[2K"
_LONG = "2 ncompress: Mention the gate in the readme, and in the notes, and everywhere else"


def lines() -> list[Line]:
    """One change amid its way since 75 s, seven of them in its present stage; one that is new."""
    now = time.monotonic()
    hello = Line("1 hello: Say in the news who ships this", "building", now - 7, now - 75)
    return [hello, Line(_LONG)]


def shown(width: int) -> list[str]:
    """The table as a terminal of a width shows it."""
    told = io.StringIO()
    console = Console(file=told, width=width, force_terminal=True)
    console.print(Progress(console, lines()).table())
    return [line.rstrip() for line in _CONTROL.sub("", told.getvalue()).splitlines()]


def read_until(terminal: int, text: str) -> str:
    """What a pseudo-terminal is sent, up to where a text has come."""
    told = b""
    while text.encode() not in told:
        told += os.read(terminal, 1 << 16)
    return told.decode(errors="replace")


def test_a_live_line_says_where_a_change_is_since_when_and_how_long_it_has_taken() -> None:
    heading, hello, other = shown(120)
    assert heading.split() == ["change", "stage", "for", "in", "all"]
    assert re.fullmatch(r"1 hello: Say in the news.* +building +7 s +75 s", hello), hello
    assert re.fullmatch(rf"{_LONG} +waiting to be pushed +0 s +0 s", other), other


def test_a_narrow_terminal_has_one_line_a_change_with_stage_and_times_whole() -> None:
    _, hello, other = shown(60)
    assert re.fullmatch(r"1 hello: Say .*… +building +7 s +75 s", hello), hello
    assert re.fullmatch(r"2 ncompress: .*… +waiting to be pushed +0 s +0 s", other), other


def test_the_stages_time_begins_anew_with_each_stage_and_ends_with_the_last() -> None:
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    hello, other = lines()
    progress = Progress(console, [hello, other])
    progress.move(hello, "building")
    assert hello.stage_seconds() > 6
    progress.move(hello, "testing")
    assert hello.stage_seconds() < 6
    assert hello.seconds() > 74
    progress.end(other, "rejected", good=True)
    with console.capture() as told:
        console.print(progress.table())
    assert re.search(r"✓ rejected +0 s$", _CONTROL.sub("", told.get()).rstrip())


@pytest.mark.timeout(30)
def test_on_a_terminal_lines_are_rewritten_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    ours, terminal = os.openpty()
    with os.fdopen(ours, "rb"), os.fdopen(terminal, "w") as file:
        hello, other = lines()
        with Progress(Console(file=file, width=100), [hello, other]) as progress:
            read_until(ours, "building")
            progress.move(hello, "testing")
            told = read_until(ours, "testing")
            progress.end(other, "rejected", good=True)
        told += read_until(ours, "rejected")
    assert f"{_UP}{_UP}" in told, "the cursor never went up to rewrite the lines"
    assert "[   75 s]" not in told, "a plain line was printed"


def test_elsewhere_each_stage_is_a_plain_line_of_its_own() -> None:
    told = io.StringIO()
    hello, other = lines()
    with Progress(Console(file=told, width=140), [hello, other]) as progress:
        progress.move(hello, "building")
        progress.move(hello, "testing")
        progress.end(other, "rejected", good=True)
    assert told.getvalue().splitlines() == [
        f"[   75 s] {hello.title}: testing",
        f"[    0 s] {other.title}: rejected",
    ]
