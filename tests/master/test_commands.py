"""The ``lockgate`` command, as an operator uses it."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from master.cli import main
from master.commands.generations import outcome
from master.commands.queue import lines
from master.demo.layout import Layout, Ports
from master.demo.site_file import site_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    keys = {"deb": "A" * 40, "rpm": "B" * 40}
    ports = Ports(*range(20001, 20008))
    path.write_text(site_file(Layout(tmp_path), ports, keys, tmp_path / "known_hosts"))
    return path


def test_check_says_what_a_good_site_has(site: Path) -> None:
    result = CliRunner().invoke(main, ["check", str(site)])
    assert result.exit_code == 0
    assert "3 packages, 1 releases, 4 workers" in result.output


def test_check_refuses_a_bad_site_with_its_line(site: Path) -> None:
    site.write_text(site.read_text().replace('format = "rpm"', 'format = "msi"'))
    result = CliRunner().invoke(main, ["check", str(site)])
    assert result.exit_code == 1
    assert f"{site}:" in result.output
    assert "packages.tree.format" in result.output


def test_show_names_every_builder_with_its_steps(site: Path) -> None:
    result = CliRunner().invoke(main, ["show", str(site)])
    assert result.exit_code == 0, result.output
    for builder in ("check/main/hello", "publish/main/tree", "sync/main/deb/far", "sign/main/rpm"):
        assert f"  {builder}  on " in result.output
    assert "3. merge" in result.output


def test_queue_of_a_site_no_master_has_run_with(site: Path) -> None:
    result = CliRunner().invoke(main, ["queue", str(site)])
    assert result.exit_code == 1
    assert "no master has run with this site file yet" in result.output


def test_queue_reads_the_gates_state_from_the_masters_database(site: Path, tmp_path: Path) -> None:
    database = tmp_path / "state.sqlite"
    with sqlite3.connect(database) as connection:
        connection.executescript(
            """
            CREATE TABLE objects (id INTEGER, name TEXT, class_name TEXT);
            CREATE TABLE object_state (objectid INTEGER, name TEXT, value_json TEXT);
            INSERT INTO objects VALUES (1, 'gate-main', 'gate_shell.scheduler.GateScheduler');
            INSERT INTO object_state VALUES (1, 'view', '{"queues": []}');
            """
        )
    result = CliRunner().invoke(main, ["queue", str(site)])
    assert result.output == "gate-main: empty\n"


def test_a_queue_is_shown_in_merge_order_with_what_runs() -> None:
    item = {"changes": ["7"], "ahead": ["5"], "running": ["7/test"], "failing": []}
    failing = {"changes": ["9"], "ahead": ["5"], "running": [], "failing": ["build of 9 failed"]}
    view = {"queues": [{"name": "main/main", "items": [item, failing]}]}
    assert lines("gate-main", view) == [
        "gate-main:",
        "  1. 7 on 5; running: 7/test",
        "  2. 9 on 5; running: nothing; failing: build of 9 failed",
    ]


def test_going_back_tells_the_new_generation_and_the_mirrors() -> None:
    build = {"results": 0, "properties": {"generation": [{"generation": "NEW"}, "release"]}}
    assert outcome(build, "OLD", ("near", "far")).splitlines() == [
        "published generation NEW, which lists what OLD listed",
        "mirror near serves it",
        "mirror far serves it",
    ]


def test_going_back_tells_which_mirror_does_not_follow() -> None:
    failure = {"stage": "synchronise", "reason": "far does not answer", "url": "https://ci/1"}
    properties = {
        "generation": [{"generation": "NEW"}, "release"],
        "failures": [[failure], "synchronise-mirrors"],
    }
    told = outcome({"results": 2, "properties": properties}, "OLD", ("near", "far")).splitlines()
    assert told == [
        "published generation NEW, which lists what OLD listed",
        "FAILED",
        "synchronise: far does not answer",
        "Log: https://ci/1",
    ]


def test_going_back_tells_when_nothing_was_published() -> None:
    told = outcome({"results": 4, "properties": {}}, "OLD", ("near",)).splitlines()
    assert told == ["nothing is published: OLD was not gone back to", "FAILED"]
