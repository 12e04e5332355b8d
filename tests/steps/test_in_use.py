"""What occurs in properties and in the gate's memory, and what is published, is in use."""

from __future__ import annotations

from typing import Any

from steps.in_use import is_listed, referred

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


def _generation(number: int, added: str = "", removed: str = "") -> dict[str, Any]:
    def packages(versions: str) -> list[dict[str, str]]:
        return [{"name": "hello", "version": version} for version in versions]

    return {"generation": f"{number:02}", "added": packages(added), "removed": packages(removed)}


def _listed(*gone_back: dict[str, Any]) -> str:
    """Of versions 1 to 4, each published by the generation of its number, those still listed."""
    made = {version: _generation(int(version), added=version) for version in "1234"}
    return "".join(version for version in made if is_listed(made[version], gone_back))


def test_what_was_published_is_listed_until_it_is_taken_back() -> None:
    assert _listed() == "1234"
    assert _listed(_generation(5, added="1", removed="34")) == "12"


def test_the_last_time_it_went_back_counts() -> None:
    back, forward = _generation(5, removed="34"), _generation(7, added="34", removed="12")
    assert _listed(forward, back) == "34"


def test_what_was_published_after_it_went_back_is_listed() -> None:
    assert _listed(_generation(3, removed="2")) == "134"
    assert is_listed(_generation(6, added="5"), [_generation(5, removed="34")])


def test_what_added_nothing_is_not() -> None:
    """It had been published before."""
    assert not is_listed(_generation(6), [])
