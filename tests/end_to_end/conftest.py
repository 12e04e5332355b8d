"""One running demonstration for all end-to-end tests, with its story told in it once."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from master.demo import layout as where
from master.demo.programs import ask
from tests.end_to_end.clients import ClientLoop
from tests.end_to_end.demonstration import Demonstration, nothing_is_left

if TYPE_CHECKING:
    from collections.abc import Iterator

    from master.demo.layout import Layout
    from master.demo.ready import Ready

_STORY_SECONDS = 1100  # a little more than the demonstration gives itself
_TOLD = "(Ctrl-C ends everything)"
_ROW = re.compile(r"^│ (\d+) ([^:]+): (.+?) +│ (\w[\w ]*?) +│ (yes|NO) +│", re.MULTILINE)


@dataclass(frozen=True)
class Chain:
    """Everything Lockgate consists of, running."""

    ready: Ready
    layout: Layout
    demo: Demonstration

    def builder_id(self, name: str) -> int:
        """Buildbot's number for a builder."""
        (builder,) = self._ask(f"builders?name={name}")["builders"]
        return int(builder["builderid"])

    def builds(self, builder: str) -> list[dict[str, Any]]:
        """A builder's builds with all of their properties, oldest first."""
        path = f"builders/{self.builder_id(builder)}/builds?property=*&order=buildid"
        builds: list[dict[str, Any]] = self._ask(path)["builds"]
        return builds

    def builder_names(self) -> set[str]:
        """All builders."""
        return {builder["name"] for builder in self._ask("builders")["builders"]}

    def forms(self) -> list[dict[str, Any]]:
        """All force forms as the web pages show them."""
        forms: list[dict[str, Any]] = self._ask("forceschedulers")["forceschedulers"]
        return forms

    def _ask(self, path: str) -> Any:
        answer = requests.get(f"{self.ready.web}/api/v2/{path}", timeout=30)
        answer.raise_for_status()
        return answer.json()


@dataclass(frozen=True)
class Tale:
    """What the demonstration's summary says of a change."""

    number: int
    project: str
    title: str
    end: str
    as_it_should: bool


@dataclass(frozen=True)
class Story:
    """What became of the story's changes, and of the clients that looked on."""

    printed: str
    tales: list[Tale]
    clients: list[ClientLoop]

    def of(self, title: str) -> Tale:
        """One change, by a part of its title."""
        (tale,) = [tale for tale in self.tales if title in tale.title]
        return tale


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where demonstrations have their data, kept for the next time if the environment says so."""
    kept = os.environ.get("STATE")
    return Path(kept) if kept else tmp_path_factory.mktemp("state")


@pytest.fixture(scope="session")
def chain(state: Path) -> Iterator[Chain]:
    """Start the demonstration; end it by Ctrl-C."""
    demo = Demonstration(state / "end-to-end")
    try:
        ready = demo.wait_until_ready()
        namespace = demo.namespace
        yield Chain(ready, demo.layout, demo)
        assert demo.end(signal.SIGINT) == 128 + signal.SIGINT, demo.printed()[-4000:]
        nothing_is_left(namespace, demo.layout.data)
    finally:
        demo.process.kill()
        demo.process.wait()


@pytest.fixture(scope="session")
def story(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Wait for the story's end, with real clients reading the repositories all the while."""
    folder = tmp_path_factory.mktemp("clients")
    roots = chain.layout.roots(where.TESTER)
    rpm_root = ask(where.TESTER, roots, ["root", "make", "--kind", "rpm-install", "--cache", roots])
    bases = {"repository": f"{chain.ready.repositories}/release", **chain.ready.mirrors}
    clients = [
        ClientLoop(
            kind,
            f"{base}/main/{kind}",
            chain.layout.keys / f"{kind}.asc",
            folder / f"{name}-{kind}",
            Path(rpm_root["root"]),
        )
        for name, base in bases.items()
        for kind in ("deb", "rpm")
    ]
    for client in clients:
        client.start()
    try:
        chain.demo.wait_until(
            lambda: _TOLD in chain.demo.printed(), "the story is told", _STORY_SECONDS
        )
    finally:
        for client in clients:
            client.stop()
    printed = chain.demo.printed()
    tales = [
        Tale(int(number), project, title, end, as_it_should == "yes")
        for number, project, title, end, as_it_should in _ROW.findall(printed)
    ]
    return Story(printed, tales, clients)
