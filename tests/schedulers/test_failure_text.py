"""Failures in words, never more of them than Gerrit takes."""

from __future__ import annotations

from schedulers.failure_text import failure_texts

_GERRITS_LIMIT = 16384


def test_a_failure_is_told_with_stage_reason_detail_and_log() -> None:
    failure = {
        "stage": "build-deb",
        "reason": "does not compile",
        "detail": "x.c:1: error\nx.c:2: error\n",
        "url": "http://ci/#/builders/1/builds/2",
    }
    (text,) = failure_texts([failure])
    assert text.splitlines() == [
        "build-deb: does not compile",
        " x.c:1: error",
        " x.c:2: error",
        "Log: http://ci/#/builders/1/builds/2",
    ]


def test_a_failure_that_says_nothing_is_told_too() -> None:
    assert failure_texts([{}]) == ["unknown stage: no reason given"]


def test_many_long_failures_are_shortened_to_what_gerrit_takes() -> None:
    failure = {"stage": "lint", "reason": "r" * 5000, "detail": "d" * 5000, "url": "http://ci/"}
    (one,) = failure_texts([failure])
    assert len(one) < 3500
    many = failure_texts([failure] * 12)
    assert all("d" * 500 in text and text.endswith("Log: http://ci/") for text in many)
    assert len("\n\n".join(many)) < _GERRITS_LIMIT
    long_list = failure_texts([{"detail": "line\n" * 1000}])
    assert long_list[0].count("\n") == 20
