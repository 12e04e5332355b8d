"""Every scenario of the collection holds, and the runner forgives nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.scenarios.format import Scenario, read
from tests.scenarios.run import main, play

COLLECTION = [
    scenario for file in sorted(Path(__file__).parent.glob("*.json")) for scenario in read(file)
]


@pytest.mark.parametrize("scenario", COLLECTION, ids=lambda scenario: scenario.id)
def test_scenario(scenario: Scenario) -> None:
    assert play(scenario) is None


STORY: dict[str, Any] = {
    "id": "T1",
    "source": "this test",
    "policy": "improved",
    "title": "One change",
    "config": {"projects": {"p": {"queue": "q"}}, "queues": {"q": {}}},
    "changes": {"A": {"project": "p"}},
    "steps": [
        {"event": "approve", "change": "A"},
        {"expect": {"running": ["A/t"]}},
        {"event": "build-result", "change": "A", "result": "success"},
        {"expect": {"merged": ["A"]}},
    ],
}


def run(tmp_path: Path, story: dict[str, Any], *ids: str) -> tuple[int, str]:
    file = tmp_path / "scenarios.json"
    file.write_text(json.dumps({"version": 1, "scenarios": [story]}))
    result = CliRunner().invoke(main, [str(file), *ids])
    return result.exit_code, result.output


def test_the_runner_prints_a_line_for_each_scenario_and_a_sum(tmp_path: Path) -> None:
    assert run(tmp_path, STORY) == (0, "T1 ok\n1 passed, 0 failed\n")


def test_a_difference_names_step_key_and_both_values(tmp_path: Path) -> None:
    story = STORY | {"steps": [*STORY["steps"], {"expect": {"merged": []}}]}
    assert run(tmp_path, story) == (
        1,
        "T1 FAIL step 5: merged: expected [] got [['A']]\n0 passed, 1 failed\n",
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"confg": {}},
        {"steps": [{"event": "approve", "changge": "A"}]},
        {"steps": [{"expect": {"quues": {}}}]},
        {"steps": [{"event": "explode", "change": "A"}]},
        {"config": {"projects": {"p": {}}, "windows": {}}},
    ],
)
def test_a_key_it_does_not_know_is_an_error(tmp_path: Path, wrong: dict[str, Any]) -> None:
    status, output = run(tmp_path, STORY | wrong)
    assert status != 0
    assert "passed" not in output


def test_what_the_gate_cannot_do_yet_fails_with_the_reason(tmp_path: Path) -> None:
    story = STORY | {"config": STORY["config"] | {"lanes": True}}
    assert run(tmp_path, story)[1].startswith("T1 FAIL config: lanes")


def test_an_unknown_id_is_an_error(tmp_path: Path) -> None:
    status, output = run(tmp_path, STORY, "T2")
    assert status != 0
    assert "no scenario T2" in output
