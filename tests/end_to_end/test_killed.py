"""A demonstration that is ended before its time, in each way, leaves nothing."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from master.demo import layout as where
from tests.end_to_end.demonstration import Demonstration, nothing_is_left, processes_in
from tests.workers.processes import marker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from master.demo.people import Person
    from tests.end_to_end.conftest import Chain

pytestmark = pytest.mark.timeout(900)
_START_SECONDS = 60  # until the start is under way
_BUILD_SECONDS = 240


@pytest.fixture
def data(state: Path) -> Iterator[Path]:
    """A data folder of its own; the caches are those of the other demonstration."""
    folder = state / "end-to-end-killed"
    folder.mkdir(exist_ok=True)
    cache = state / "end-to-end" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    link = folder / "cache"
    link.unlink(missing_ok=True)
    link.symlink_to(cache)
    yield folder
    shutil.rmtree(folder)


def test_kill_9_amid_a_build_leaves_no_process_and_no_mount(data: Path, tmp_path: Path) -> None:
    demo = Demonstration(data, "--no-story")
    try:
        ready = demo.wait_until_ready()
        namespace = demo.namespace
        mark = marker()
        _push_a_build_that_sleeps(ready.administrator, mark, tmp_path)
        demo.wait_until(
            lambda: any(mark in words for words in processes_in(namespace).values()),
            "a build sleeps",
            _BUILD_SECONDS,
        )
        running = processes_in(namespace).values()
        owners = {words.split()[0] for words in running}
        assert owners >= set(where.USERS)
        assert any(owner.isdecimal() for owner in owners), "no user of a sandbox"
    finally:
        demo.end(signal.SIGKILL)
    nothing_is_left(namespace, data)


def test_a_start_that_is_given_up_ends_before_its_root_images_are_made(state: Path) -> None:
    data = state / "end-to-end-given-up"
    shutil.rmtree(data, ignore_errors=True)
    demo = Demonstration(data, "--no-story")
    try:
        demo.wait_until(
            lambda: "starting root image" in demo.printed(), "images are made", _START_SECONDS
        )
        namespace = demo.namespace
        demo.wait_until(
            lambda: any("mmdebstrap" in words for words in processes_in(namespace).values()),
            "an image is made",
            _START_SECONDS,
        )
        assert demo.end(signal.SIGTERM) == 128 + signal.SIGINT, demo.printed()
        nothing_is_left(namespace, data)
        assert "everything runs" not in demo.printed()
        assert not list(demo.layout.cache.glob("roots/*/*/root")), "it waited for an image"
    finally:
        demo.end(signal.SIGKILL)
        shutil.rmtree(data)


def test_a_second_demonstration_on_the_same_data_is_refused(chain: Chain) -> None:
    program = Path(sys.executable).parent / "lockgate"
    second = subprocess.run(
        [program, "demo", "--data", chain.layout.data],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert second.returncode == 1
    assert f"another demonstration uses {chain.layout.data}; stop it first" in second.stdout
    assert chain.demo.process.poll() is None


def _push_a_build_that_sleeps(administrator: Person, seconds: str, work: Path) -> None:
    rules = administrator.read("hello", "debian/rules", work)
    # Every target of these rules begins with it.
    edit = {"debian/rules": f"{rules}\n_ := $(shell sleep {seconds})\n"}
    administrator.push("hello", "Sleep", edit, work)
