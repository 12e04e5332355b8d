"""Which repositories a build or a test reads, as arguments of the worker's programs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from buildbot.plugins import util

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from workers.clients.repository import Format

AHEAD = "test_repositories_ahead"  # property: those of the changes ahead, the nearest first


@dataclass(frozen=True)
class ReleaseRepository:
    """A release's repository of one format, as clients see it; see `workers.clients`."""

    path: str
    format: Format
    origin: str
    codename: str
    key: str
    fingerprints: Sequence[str]

    def as_json(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))


def base(repositories: Iterable[Mapping[str, Any]]) -> list[str]:
    """Options ``--base`` for repositories of the base distribution; see `workers.clients`."""
    return [word for one in repositories for word in ("--base", json.dumps(one))]


def ahead(package_format: str) -> Any:
    """Options ``--ahead`` for the test repositories of the changes ahead."""

    @util.renderer
    def options(properties: Any) -> list[str]:
        made = properties.getProperty(AHEAD, [])
        own = [one for one in made if one["format"] == package_format]
        return [word for one in own for word in ("--ahead", json.dumps(one))]

    return options
