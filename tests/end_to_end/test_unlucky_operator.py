"""The master is killed amid the gate: nothing is lost, what happened meanwhile is found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from master.cli import main
from master.demo import layout as where
from master.demo.processes import answers, as_user, environment, wait_until
from master.demo.watching import Buildbot, published, standing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.conftest import Chain, Story

pytestmark = pytest.mark.timeout(900)
_SECONDS = 240  # for anything that is waited for


def test_a_killed_master_goes_on_where_it_was(chain: Chain, story: Story, tmp_path: Path) -> None:
    author, buildbot = chain.ready.maintainer, Buildbot(chain.ready.web)
    text = author.read("tree", "TODO", tmp_path)
    first, _ = author.propose("tree", "Add to the list", {"TODO": f"{text}\nMore.\n"}, tmp_path)
    wait_until(lambda: standing(author, first).verified == 1, _SECONDS)
    chain.ready.reviewer.approve(first)
    wait_until(lambda: str(first) in _queued(chain), _SECONDS)

    _kill_master(chain)
    text = author.read("ncompress", "LZW.INFO", tmp_path)
    edits = {"LZW.INFO": f"{text}\nMore.\n"}
    missed, _ = author.propose("ncompress", "Add to the notes", edits, tmp_path)
    with _master(chain):
        wait_until(lambda: standing(author, first).status == "MERGED", _SECONDS)
        wait_until(lambda: published(buildbot.builds_of(first), 1) is not None, _SECONDS)
        assert published(buildbot.builds_of(first), 1)
        assert "More." in author.read("tree", "TODO", tmp_path)
        # Pushed while nobody listened; refused, because its version is published already.
        wait_until(lambda: standing(author, missed).verified != 0, _SECONDS)
        said = "\n".join(standing(author, missed).messages)
        assert "is already published with other content" in said
        assert standing(author, missed).verified == -1


def _queued(chain: Chain) -> list[str]:
    result = CliRunner().invoke(main, ["queue", str(chain.layout.site_file), "--json"])
    views = json.loads(result.output)
    return [
        change
        for view in views.values()
        for queue in view["queues"]
        for item in queue["items"]
        for change in item["changes"]
    ]


def _kill_master(chain: Chain) -> None:
    base = str(chain.layout.master)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if "start" in words and base in words:
            os.kill(int(process.name), signal.SIGKILL)
    port = int(chain.ready.web.rpartition(":")[2])
    wait_until(lambda: not answers(port), 30)


@contextmanager
def _master(chain: Chain) -> Iterator[None]:
    """The master again, as whatever supervises it would start it."""
    base = chain.layout.master
    (base / "twistd.pid").unlink(missing_ok=True)
    with (chain.layout.logs / "master-again.log").open("wb") as log:
        process = subprocess.Popen(
            as_user(where.MASTER, ["buildbot", "start", "--nodaemon", base]),
            cwd=base,
            env=environment(base),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    port = int(chain.ready.web.rpartition(":")[2])
    try:
        wait_until(lambda: answers(port), 60)
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
