"""Fixtures of the source tests: a repository with a branch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.workers.source.upstream import Upstream, request
from workers.source.request import read_request
from workers.source.state import make_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    """Return an empty repository."""
    return Upstream(tmp_path / "server" / "group" / "tool")


@pytest.fixture
def state(upstream: Upstream, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return a function that makes a state of the repository's project."""

    def make(*changes: dict[str, Any], **options: Any) -> dict[str, Any]:
        asked = request(upstream, tmp_path / "work", changes, **options)
        answer = make_state(read_request(json.dumps(asked)))
        project: dict[str, Any] = answer["projects"]["group/tool"]
        return project

    return make
