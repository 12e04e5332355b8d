"""Turns, medians, ratios and verdicts."""

from __future__ import annotations

import pytest

from tests.benchmarks.measure import (
    LOCKGATE,
    Line,
    Parts,
    at_most,
    at_most_more,
    attempt,
    faster,
    interleaved,
    medians,
    no_slower,
)


class Clock:
    """A clock that only what is measured moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_contestants_take_turns_and_the_first_round_is_not_counted() -> None:
    clock, turns = Clock(), []

    def contestant(name: str, takes: list[float], round_number: int) -> None:
        turns.append((round_number, name))
        clock.now += takes[round_number]

    seconds = interleaved(
        {
            "one": lambda number: contestant("one", [50, 1, 2], number),
            "two": lambda number: contestant("two", [60, 3, 4], number),
        },
        rounds=2,
        clock=clock,
    )

    assert turns == [(0, "one"), (0, "two"), (1, "one"), (1, "two"), (2, "one"), (2, "two")]
    assert seconds == {"one": [1, 2], "two": [3, 4]}


def test_a_median_is_no_mean_and_in_milliseconds() -> None:
    assert medians({"one": [0.001, 0.002, 9], "two": [0.004]}) == {"one": 2, "two": 4}


def test_parts_are_medians_of_each_part() -> None:
    clock = Clock()
    parts = Parts(clock)
    with parts.part("stage"):
        clock.now += 100
    parts.forget()
    for takes in (1, 2, 30):
        with parts.part("stage"):
            clock.now += takes
        with parts.part("commit"):
            clock.now += 2 * takes

    assert parts.medians() == {"stage": 2000, "commit": 4000}


@pytest.mark.parametrize(("peer", "met"), [(39.9, False), (40.0, True), (41.0, True)])
def test_faster_means_so_many_times_the_own_time(peer: float, met: bool) -> None:  # noqa: FBT001
    assert faster({LOCKGATE: 10, "peer": peer}, "peer", 4).met is met


def test_a_peer_that_was_not_measured_is_neither_met_nor_missed() -> None:
    verdict = faster({LOCKGATE: 10}, "peer", 4)

    assert verdict.met is None
    assert verdict.found == "not measured"


@pytest.mark.parametrize(("own", "met"), [(25.0, True), (25.1, False)])
def test_at_most_includes_the_limit(own: float, met: bool) -> None:  # noqa: FBT001
    assert at_most({LOCKGATE: own}, 25).met is met


def test_ratios_are_of_the_others_to_lockgate() -> None:
    assert Line({LOCKGATE: 10, "one": 40, "two": 5}).ratios == {"one": 4, "two": 0.5}


@pytest.mark.parametrize("values", [{LOCKGATE: 0, "one": 40}, {"one": 40}, {}])
def test_nothing_is_a_multiple_of_nothing(values: dict[str, float]) -> None:
    assert Line(values).ratios == {}


def test_a_line_that_cannot_be_measured_says_why() -> None:
    def fails() -> Line:
        raise ValueError("no such peer")

    assert attempt(fails).failed == "ValueError: no such peer"
    assert attempt(lambda: Line({LOCKGATE: 1})) == Line({LOCKGATE: 1})


@pytest.mark.parametrize(("own", "met"), [(20.0, True), (20.1, False)])
def test_no_slower_compares_the_own_time_with_the_others(own: float, met: bool) -> None:  # noqa: FBT001
    assert no_slower({LOCKGATE: own, "in 100": 10}, "in 100", 2).met is met


@pytest.mark.parametrize(("own", "met"), [(13.0, True), (13.1, False)])
def test_at_most_more_is_a_difference(own: float, met: bool) -> None:  # noqa: FBT001
    assert at_most_more({LOCKGATE: own, "by hand": 10}, "by hand", 3).met is met
