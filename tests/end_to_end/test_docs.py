"""What README and docs tell people to type does, on a running site, what they say."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from master.cli import main
from master.demo import layout as where
from master.demo.programs import ask
from tests.test_docs import commands

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Chain, Story

pytestmark = pytest.mark.timeout(1200)  # the first test may wait for the whole story

_SET_UP = Path(__file__).parents[2] / "docs" / "how-to" / "set-up-a-site.md"
# Those that only look; what they print on a site like the demonstration's.
_PRINTS = {
    "check": r": good: 3 packages, 1 releases, 4 workers\n$",
    "show": r"^builders\n(.*\n)*  check/main/hello  on ",
    "queue": r"^gate-main:",
    "generations": r"^\d{8}T\d{6}\.\d{6}Z  \w+",
    "why": r"^hello(.*\n)*  proposed   as change ",
    "audit": r"(?m)^\d+ files, \d+ records, .* 0 findings$",
}
_HARMLESS = [
    (page, command)
    for page, command in commands()
    # A command without arguments is but spoken of.
    if re.match(rf"lockgate ({'|'.join(_PRINTS)}) .", command)
]


@pytest.mark.parametrize(("page", "command"), _HARMLESS)
def test_a_command_that_only_looks(
    chain: Chain, story: Story, monkeypatch: pytest.MonkeyPatch, page: str, command: str
) -> None:
    monkeypatch.chdir(chain.layout.master)  # where the site file is, as for an operator
    _, *arguments = (_here(chain, word) for word in shlex.split(command))
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, f"{page}: {arguments}: {result.output}"
    assert re.search(_PRINTS[arguments[0]], result.output), result.output


def test_each_command_that_only_looks_is_shown_somewhere() -> None:
    assert {command.split()[1] for _, command in _HARMLESS} == set(_PRINTS)


def test_a_site_is_set_up_as_the_page_says(chain: Chain) -> None:
    page = _SET_UP.read_text(encoding="utf-8")
    (snippet,) = re.findall(r"^ +python3 -c '(.*)'$", page, re.MULTILINE)
    subprocess.run([sys.executable, "-c", snippet], check=True, timeout=60)
    (words,) = re.findall(r"^ +lockgate-worker (root make .*)$", page, re.MULTILINE)
    cache = chain.layout.roots(where.BUILDER)
    arguments = [str(cache) if word == "CACHE" else word for word in words.split()]
    assert Path(ask(where.BUILDER, cache, arguments)["root"]).is_dir()


def _here(chain: Chain, word: str) -> str:
    """A word of a command as it is on the running site."""
    deb = chain.layout.served / "release" / where.RELEASE / "deb"
    mirror = chain.ready.mirrors["near"]
    exactly = {
        "SITE": "site.toml",
        "RELEASE": where.RELEASE,
        "FORMAT": "deb",
        "PACKAGE": "hello",
        "REPOSITORY": str(deb),
        "FILE": str(chain.layout.keys / "deb.asc"),
        "deb.asc": str(chain.layout.keys / "deb.asc"),
        "rpm.asc": str(chain.layout.keys / "rpm.asc"),
        "/srv/repositories/release/main/deb": str(deb),
        "/var/lib/lockgate/CHECKOUT-HASH/demo/run/master/site.toml": "site.toml",
        "2.10-3": "2.10-3.1",
    }
    return exactly.get(word, word).replace("https://mirror.example.org", mirror)
