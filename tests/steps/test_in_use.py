"""What occurs in properties and in the gate's memory is in use."""

from __future__ import annotations

from steps.in_use import referred

_URL = "https://gate.example.org/artifacts/"


def test_addresses_are_found_wherever_they_are() -> None:
    known = [
        {"artifacts": [{"url": f"{_URL}build-main-hello-7", "files": {}}, "Build"]},
        {"packages": {"1": {"hello": {"test_repository": {"path": "test/main-hello-1-3"}}}}},
        [("key", f"{_URL}build-main-tree-1/tree_1.dsc")],
        {"url": "https://elsewhere.example.org/artifacts/no", "number": 3, "none": None},
    ]
    assert referred(known, _URL) == {
        "artifacts": ["build-main-hello-7", "build-main-tree-1"],
        "test_repositories": ["main-hello-1-3"],
    }
