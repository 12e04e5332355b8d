"""A master with a wrong site file does not start, and says where it is wrong: real Buildbot."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from master.demo.layout import Layout, Ports
from master.demo.site_file import site_file

_CHECKOUT = Path(__file__).resolve().parents[2]
_BUILDBOT = Path(sys.executable).parent / "buildbot"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A master's folder with the demonstration's site file, but without any secrets."""
    shutil.copy(_CHECKOUT / "master" / "master.cfg", tmp_path)
    keys = {"deb": "A" * 40, "rpm": "B" * 40}
    text = site_file(Layout(tmp_path), Ports(*range(20001, 20008)), keys, tmp_path / "known_hosts")
    (tmp_path / "site.toml").write_text(text)
    return tmp_path


def refusal(base: Path) -> list[str]:
    """The lines of `buildbot checkconfig`, which must refuse."""
    done = subprocess.run(
        [_BUILDBOT, "checkconfig", base / "master.cfg"],
        cwd=base,
        env={**os.environ, "PYTHONPATH": str(_CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "Traceback" not in said
    return [line.strip() for line in said.splitlines()]


def test_each_problem_is_shown_with_file_line_and_key(base: Path) -> None:
    site = base / "site.toml"
    site.write_text(site.read_text().replace('codename = "bookworm"', 'codname = "bookworm"'))
    lines = site.read_text().splitlines()
    table = lines.index("[releases.main]") + 1
    key = lines.index('codname = "bookworm"') + 1
    missing = "releases.main.codename: this key is missing and has no default"
    unknown = "releases.main.codname: this key is not known here; look for a misspelling"
    assert refusal(base) == [
        "Configuration Errors:",
        f"site.toml:{table}: {missing}",
        f"site.toml:{key}: {unknown}",
    ]


def test_missing_web_users_are_shown_with_their_file_and_what_it_must_hold(base: Path) -> None:
    heading, problem = refusal(base)
    assert heading == "Configuration Errors:"
    assert "web-users: the web users cannot be read" in problem
    assert '{"operator": "password"}' in problem
