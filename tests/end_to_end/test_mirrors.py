"""A mirror that is down fails where everybody sees it, holds nothing up, and catches up."""

from __future__ import annotations

import os
import re
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import requests

from master.commands.web import Web
from master.configurator.schedulers import force_name
from master.demo import layout as where
from master.demo.processes import wait_until
from master.site import load_site
from tests.end_to_end.demonstration import processes_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.conftest import Chain, Story

pytestmark = pytest.mark.timeout(1800)  # the first test may wait for the whole story

_SECONDS = 240  # for anything that is waited for
_SUCCESS, _FAILURE, _EXCEPTION = 0, 2, 4  # Buildbot's results
_REFRESH = "refresh/main/deb"


@pytest.fixture
def web(chain: Chain, story: Story) -> Web:
    return Web(load_site(chain.layout.site_file))


def test_one_mirror_is_down_and_catches_up(chain: Chain, web: Web) -> None:
    before = _generation(chain.ready.mirrors["far"])
    with _without(chain.layout.mirrors / "far"):
        refreshed = web.wait(web.force(force_name(_REFRESH)), _SECONDS)
        # The generation is made, the other mirror has it, and the build says what went wrong.
        new = refreshed["properties"]["generation"][0]["generation"]
        assert new > before
        assert _generation(f"{chain.ready.repositories}/release") == new
        assert _generation(chain.ready.mirrors["near"]) == new
        assert refreshed["results"] in (_FAILURE, _EXCEPTION)
        (failure,) = refreshed["properties"]["failures"][0]
        assert failure["builder"] == "sync/main/deb/far"
        assert failure["reason"].startswith(f"mirror {chain.ready.mirrors['far']}/main/deb: rsync")
        assert chain.builds("sync/main/deb/far")[-1]["results"] == _EXCEPTION
    assert _generation(chain.ready.mirrors["far"]) == before
    caught_up = web.wait(web.force(force_name("sync/main/deb/far")), _SECONDS)
    assert caught_up["results"] == _SUCCESS
    assert _generation(chain.ready.mirrors["far"]) == new
    counts = caught_up["properties"]["sync"][0]
    assert (counts["from"], counts["to"]) == (before, new)
    name = f"sync-main-deb-far-{caught_up['number']}"
    report = requests.get(f"{chain.ready.repositories}/artifacts/{name}/sync.json", timeout=30)
    told: dict[str, Any] = report.json()
    assert (
        counts.items() - {("outcome", "success")}
        <= {key: value for key, value in told.items() if not isinstance(value, list)}.items()
    )


def test_mirrors_that_do_not_answer_hold_nothing_up(chain: Chain, web: Web) -> None:
    """All syncs wait for them: a generation is made all the same."""
    compare: Any = {"full": True}
    builders = [f"sync/main/{kind}/{name}" for kind in ("deb", "rpm") for name in where.MIRRORS]
    with _silent(chain):
        syncs = [web.force(force_name(builder), **compare) for builder in builders]
        before = _generation(f"{chain.ready.repositories}/release")
        refresh = web.force(force_name(_REFRESH))
        wait_until(lambda: _generation(f"{chain.ready.repositories}/release") > before, _SECONDS)
    for request in (*syncs, refresh):
        assert web.wait(request, _SECONDS)["complete"]
    for name in where.MIRRORS:
        # Whatever became of those that had to wait.
        again = web.force(force_name(f"sync/main/deb/{name}"))
        assert web.wait(again, _SECONDS)["results"] == _SUCCESS
        assert _generation(chain.ready.mirrors[name]) > before


def _generation(base: str) -> str:
    """The generation that clients of an address see."""
    answer = requests.get(f"{base}/main/deb/dists/{where.CODENAME}/InRelease", timeout=30)
    answer.raise_for_status()
    (stamp,) = re.findall(r"^X-Lockgate-Generation: (\S+)$", answer.text, re.MULTILINE)
    return str(stamp)


@contextmanager
def _without(folder: Path) -> Iterator[None]:
    """A mirror whose disk is gone."""
    aside = folder.with_name(f"{folder.name}-aside")
    folder.rename(aside)
    try:
        yield
    finally:
        aside.rename(folder)


@contextmanager
def _silent(chain: Chain) -> Iterator[None]:
    """An rsync daemon that lets everybody in and speaks to nobody."""
    configuration = str(chain.layout.rsync / "rsyncd.conf")
    running = processes_in(chain.demo.namespace)
    daemons = [number for number, words in running.items() if configuration in words]
    assert daemons
    for daemon in daemons:
        os.kill(daemon, signal.SIGSTOP)
    try:
        yield
    finally:
        for daemon in daemons:
            os.kill(daemon, signal.SIGCONT)
