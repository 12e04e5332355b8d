"""Asking Buildbot and Gerrit where a change is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from master.demo.people import Person

_TIMEOUT = 30
_SUCCESS = 0
# Builders of a change in the order people think of them; the last that runs names the stage.
_STAGES = (
    ("check/", "check"),
    ("gate/", "gate"),
    ("merge/", "gate: merging"),
    ("build/", "building"),
    ("test-repository/", "publishing a test repository"),
    ("lint/", "testing"),
    ("install-test/", "testing"),
    ("publish/", "publishing"),
    ("release/", "publishing"),
    ("sign/", "signing"),
    ("sync/", "synchronising mirrors"),
)


@dataclass(frozen=True)
class Build:
    """One Buildbot build about a change."""

    builder: str
    number: int
    results: int | None  # None while it runs
    seconds: float


class Buildbot:
    """Reads from a master's REST interface."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._builders: dict[int, str] = {}

    def builds_of(self, change: int) -> list[Build]:
        """Builds about a change, newest first."""
        if not self._builders:
            builders = self._get("builders")["builders"]
            self._builders = {b["builderid"]: b["name"] for b in builders}
        builds = self._get("builds?order=-buildid&limit=200&property=change")["builds"]
        return [
            Build(
                self._builders.get(build["builderid"], "?"),
                build["number"],
                build["results"],
                (build["complete_at"] or build["started_at"]) - build["started_at"],
            )
            for build in builds
            if build["properties"].get("change", [None])[0] == change
        ]

    def _get(self, path: str) -> Any:
        answer = requests.get(
            f"{self.url}/api/v2/{path}",
            # Asked several times a second on the same machine: not worth compressing.
            headers={"Accept-Encoding": "identity"},
            timeout=_TIMEOUT,
        )
        answer.raise_for_status()
        return answer.json()


@dataclass(frozen=True)
class Standing:
    """Where a change stands in Gerrit."""

    status: str  # NEW, MERGED or ABANDONED
    verified: int
    messages: tuple[str, ...]


def standing(person: Person, number: int) -> Standing:
    """Ask Gerrit about a change."""
    change = person.ask(f"changes/{number}?o=DETAILED_LABELS&o=MESSAGES")
    votes = change["labels"].get("Verified", {}).get("all", [])
    cast = [vote.get("value", 0) for vote in votes]
    return Standing(
        change["status"],
        min(cast, default=0) if min(cast, default=0) < 0 else max(cast, default=0),
        tuple(message["message"] for message in change["messages"]),
    )


def stage(builds: list[Build]) -> str | None:
    """A word for what is being done, from the builds under way."""
    running = [build.builder for build in builds if build.results is None]
    for prefix, word in reversed(_STAGES):
        if any(builder.startswith(prefix) for builder in running):
            return word
    return None


def published(builds: list[Build], packages: int) -> bool | None:
    """Whether a merged change is on the mirrors; None while that is still to come."""
    ends = [build.results for build in builds if build.builder.startswith("publish/")]
    if len(ends) < packages or None in ends:
        return None
    return all(result == _SUCCESS for result in ends)
