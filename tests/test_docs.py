"""Every command in README and docs exists, with every option it is shown with."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from master.cli import main as lockgate
from workers.cli import main as lockgate_worker

_TOP = Path(__file__).parents[1]
_PAGES = sorted([_TOP / "README.md", *(_TOP / "docs").rglob("*.md")])
_PROGRAMS = {"lockgate": lockgate, "lockgate-worker": lockgate_worker}
_BLOCK = re.compile(r"^ {4,}(?:sudo(?: -u \S+)? )?((?:lockgate|lockgate-worker|make) .*)$", re.M)
_INLINE = re.compile(r"`((?:lockgate|lockgate-worker|make) [^`]+)`")


def _commands() -> list[tuple[str, str]]:
    found = []
    for page in _PAGES:
        text = re.sub(r"\\\n\s*", "", page.read_text(encoding="utf-8"))
        name = str(page.relative_to(_TOP))
        commands = (*_BLOCK.findall(text), *_INLINE.findall(text))
        found += [(name, command.partition(" #")[0].strip()) for command in commands]
    return found


def test_there_are_commands() -> None:
    assert len(_commands()) > 10


@pytest.mark.parametrize(("page", "command"), _commands())
def test_a_command_is_what_the_page_says(page: str, command: str) -> None:
    program, *arguments = shlex.split(command)
    if program == "make":
        targets = re.findall(r"^([a-z-]+):", (_TOP / "Makefile").read_text(), re.M)
        assert {word for word in arguments if "=" not in word} <= set(targets), page
        return
    known = CliRunner().invoke(_PROGRAMS[program], [*arguments, "--help"])
    assert known.exit_code == 0, f"{page}: {known.output}"
