"""README and docs say what is so: commands, options and keys exist, and pictures are straight.

What their harmless commands do is tested where a site runs, in tests/end_to_end/.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
from click.testing import CliRunner

from master.cli import main as lockgate
from master.site import Site
from master.site.model import Table
from workers.cli import main as lockgate_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOP = Path(__file__).parents[1]
_PAGES = sorted([_TOP / "README.md", *(_TOP / "docs").rglob("*.md")])
_COLUMNS = 100
_PROGRAMS = {"lockgate": lockgate, "lockgate-worker": lockgate_worker}
_BLOCK = re.compile(r"^ {4,}(?:sudo(?: -u \S+)? )?((?:lockgate|lockgate-worker|make) .*)$", re.M)
_INLINE = re.compile(r"`((?:lockgate|lockgate-worker|make) [^`]+)`")


def commands() -> list[tuple[str, str]]:
    """Each command of ours on a page, with the page's name."""
    found = []
    for page in _PAGES:
        text = re.sub(r"\\\n\s*", "", page.read_text(encoding="utf-8"))
        name = str(page.relative_to(_TOP))
        commands = (*_BLOCK.findall(text), *_INLINE.findall(text))
        found += [(name, command.partition(" #")[0].strip()) for command in commands]
    return found


def pictures() -> list[tuple[str, list[str]]]:
    """Each block with frames in it, with the page's name."""
    return [
        (str(page.relative_to(_TOP)), block.splitlines())
        for page in _PAGES
        for block in re.findall(r"^```\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)
        if "┌" in block
    ]


def tables(kind: Any) -> Iterator[type[Table]]:
    """The tables in the type of a site file's key."""
    if isinstance(kind, type) and issubclass(kind, Table):
        yield kind
    for inner in get_args(kind):
        yield from tables(inner)


def keys(table: type[Table]) -> Iterator[str]:
    """The keys of a table and of those within it."""
    for name, field in table.model_fields.items():
        inner = list(tables(field.annotation))
        for each in inner:
            yield from keys(each)
        if not inner:
            yield name


def test_there_are_commands() -> None:
    assert len(commands()) > 10


@pytest.mark.parametrize(("page", "command"), commands())
def test_a_command_is_what_the_page_says(page: str, command: str) -> None:
    program, *arguments = shlex.split(command)
    if program == "make":
        targets = re.findall(r"^([a-z-]+):", (_TOP / "Makefile").read_text(), re.M)
        assert {word for word in arguments if "=" not in word} <= set(targets), page
        return
    known = CliRunner().invoke(_PROGRAMS[program], [*arguments, "--help"])
    assert known.exit_code == 0, f"{page}: {known.output}"


@pytest.mark.parametrize("name", Site.model_fields)
def test_the_reference_has_every_key_of_a_table(name: str) -> None:
    page = (_TOP / "docs" / "reference" / "site-file.md").read_text(encoding="utf-8")
    rows = {row.split(" | ")[0]: row for row in page.splitlines() if row.startswith("| ")}
    inner = list(tables(Site.model_fields[name].annotation))
    asked = {key for each in inner for key in keys(each)} if inner else {name}
    place = re.compile(rf"`\[{name}(\.NAME)?\]`" if inner else r"\| top$")
    (row,) = [row for heading, row in rows.items() if place.search(heading)]
    assert asked <= set(re.findall(r"`([a-z_]+)`", row))


def test_there_are_pictures() -> None:
    assert pictures()


@pytest.mark.parametrize(("page", "lines"), pictures())
def test_a_picture_is_straight_and_fits(page: str, lines: list[str]) -> None:
    frames = [found for line in lines if (found := re.search("[┌│└].*[┐│┘]", line))]
    assert {frame.span() for frame in frames} == {frames[0].span()}, page
    assert max(len(line) for line in lines) <= _COLUMNS
