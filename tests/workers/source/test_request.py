"""Requests that make no sense or carry names that are not allowed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.workers.source.upstream import Upstream, request
from workers.outcome import BadRequest
from workers.source.request import read_request

REVISION = "a" * 40
CHANGE = {"number": 1205, "patchset": 2, "ref": "refs/changes/05/1205/2", "revision": REVISION}


@pytest.fixture
def asked(upstream: Upstream) -> dict[str, Any]:
    """Return a request that is right."""
    return request(upstream, Path("work"), [CHANGE])


def test_request_that_is_right(asked: dict[str, Any]) -> None:
    assert read_request(json.dumps(asked)).projects[0].changes[0].number == 1205


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("name", "../etc", "project name"),
        ("branch", "main\nrefs/heads/other", "branch name"),
        ("branch", "refs/heads/main", "give it without refs/heads/"),
        ("url", "ext::sh -c whoami", "address"),
        ("url", "--upload-pack=whoami", "address"),
        ("url", "ssh://-oProxyCommand=whoami/x", "address"),
        ("submit_type", "INHERIT", r"projects.0.submit_type: .*MERGE_IF_NECESSARY"),
        ("tip", "main", r"projects.0.tip"),
        ("changes", [{**CHANGE, "ref": "refs/heads/main"}], r"changes.0: .*refs/changes/05/1205/2"),
        ("changes", [{**CHANGE, "revision": "HEAD"}], r"changes.0.revision"),
    ],
)
def test_what_is_wrong_is_named(asked: dict[str, Any], key: str, value: Any, message: str) -> None:
    asked["projects"][0][key] = value
    with pytest.raises(BadRequest, match=message):
        read_request(json.dumps(asked))


def test_export_of_a_project_not_asked_for(asked: dict[str, Any]) -> None:
    asked["export"] = {"other": "source"}
    with pytest.raises(BadRequest, match="export names 'other'"):
        read_request(json.dumps(asked))


def test_no_json() -> None:
    with pytest.raises(BadRequest, match="merge request, the whole: Invalid JSON"):
        read_request("{")
