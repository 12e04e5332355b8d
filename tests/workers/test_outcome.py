"""What programs answer reaches the steps that read it, whatever its length."""

from __future__ import annotations

import json
from typing import Any

import pytest
from buildbot.util import lineboundaries
from buildbot_worker.util.lineboundaries import LineBoundaryFinder

from workers.outcome import read_answer, written_answer

_ANSWERS: list[dict[str, Any]] = [
    {},
    {"outcome": "success", "files": {f"{number}.deb": "f" * 64 for number in range(200)}},
    {"reason": 'said "no"', "detail": "line\nof a log, \\n\r\x1b[2J\x08 \u2028\n" * 1000},
    {"words": ["x" * 1995, "x" * 4095, "x" * 4096, "x" * 4097, " " * 9000, "äö\u00df" * 3000]},
]


def _through_buildbot(text: str, chunk: int) -> str:
    """What a step is given of what its command printed, as the worker read it."""
    finder = LineBoundaryFinder(4096, lineboundaries.LineBoundaryFinder.newline_re.pattern)
    parts = [finder.append(text[at : at + chunk], 0) for at in range(0, len(text), chunk)]
    return "".join(part[0] for part in (*parts, finder.flush()) if part)


@pytest.mark.parametrize("answer", _ANSWERS)
@pytest.mark.parametrize("chunk", [7, 4096, 1 << 20])
def test_an_answer_comes_through_buildbot_whole(answer: dict[str, Any], chunk: int) -> None:
    assert read_answer(_through_buildbot(written_answer(answer), chunk)) == answer


@pytest.mark.parametrize("answer", _ANSWERS[:2])
def test_an_answer_is_json_for_everybody(answer: dict[str, Any]) -> None:
    assert json.loads(written_answer(answer)) == answer


@pytest.mark.parametrize("output", ["", "Killed\n", "[]", "3\n", '{"a": 1}\n{"b": 2}\n', '{"a": '])
def test_what_is_no_answer_is_not_read(output: str) -> None:
    assert read_answer(output) is None
