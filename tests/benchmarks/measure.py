"""Times taken in turns, their medians, and what they are held against. Nothing here publishes."""

from __future__ import annotations

import statistics
import time
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

LOCKGATE = "lockgate"
"""The contestant that all others are compared with."""


@dataclass(frozen=True)
class Verdict:
    """What was wanted of a line, and what was found."""

    wanted: str
    found: str
    met: bool | None
    """None: what it is to be compared with was not measured."""


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    values: dict[str, float] = field(default_factory=dict)
    """Medians of the contestants."""
    details: dict[str, dict[str, float]] = field(default_factory=dict)
    """By contestant, what its value is made of or came with."""
    verdicts: list[Verdict] = field(default_factory=list)
    unit: str = "ms"
    notes: list[str] = field(default_factory=list)
    """What was seen besides, in words."""
    failed: str | None = None
    """Why it could not be measured."""

    @property
    def ratios(self) -> dict[str, float]:
        """How many times as much as Lockgate each other contestant takes; none to nothing."""
        own = self.values.get(LOCKGATE, 0)
        others = {name: value for name, value in self.values.items() if name != LOCKGATE}
        return {name: value / own for name, value in others.items() if own}


def attempt(measure: Callable[[], Line]) -> Line:
    """Measure a line; one that cannot be measured says why, and is no reason to stop."""
    try:
        return measure()
    except Exception as error:  # noqa: BLE001 - whatever it is, the other lines are measured
        traceback.print_exc()
        return Line(failed=f"{type(error).__name__}: {error}")


class Parts:
    """Measures the parts of something that is done again and again."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._seconds: dict[str, list[float]] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Measure one part, once."""
        began = self._clock()
        yield
        self._seconds.setdefault(name, []).append(self._clock() - began)

    def forget(self) -> None:
        """Forget what was measured so far."""
        self._seconds.clear()

    def medians(self) -> dict[str, float]:
        """Medians in milliseconds, in the order in which the parts came first."""
        return medians(self._seconds)


def interleaved(
    contestants: Mapping[str, Callable[[int], object]],
    rounds: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds that each contestant takes in each of some rounds.

    In a round each has one turn, so that whatever else the machine does meets all of them alike.
    Each is given the number of the round; before round 1, round 0 warms up and is not counted.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, turn in contestants.items():
            began = clock()
            turn(number)
            took = clock() - began
            if number:
                seconds[name].append(took)
    return seconds


def medians(seconds: Mapping[str, list[float]]) -> dict[str, float]:
    """Medians in milliseconds."""
    return {name: statistics.median(times) * 1000 for name, times in seconds.items()}


def faster(line: Mapping[str, float], peer: str, factor: float) -> Verdict:
    """Lockgate is at least so many times faster than a peer, of whose medians these are."""
    wanted = f"{factor:g} x faster than {peer}"
    if peer not in line:
        return Verdict(wanted, "not measured", None)
    ratio = line[peer] / line[LOCKGATE]
    return Verdict(wanted, f"{ratio:.1f} x", ratio >= factor)


def at_most(line: Mapping[str, float], most: float, unit: str = "ms") -> Verdict:
    """Lockgate takes at most so much."""
    found = line[LOCKGATE]
    return Verdict(f"at most {most:,.0f} {unit}", f"{found:,.0f} {unit}", found <= most)


def at_most_more(line: Mapping[str, float], other: str, most: float) -> Verdict:
    """Lockgate takes at most so many milliseconds more than another."""
    more = line[LOCKGATE] - line[other]
    return Verdict(f"at most {most:,.0f} ms more than {other}", f"{more:,.0f} ms", more <= most)


def no_slower(line: Mapping[str, float], other: str, factor: float) -> Verdict:
    """Lockgate takes at most so many times as long as another, of whose medians these are."""
    ratio = line[LOCKGATE] / line[other]
    return Verdict(f"at most {factor:g} x {other}", f"{ratio:.2f} x", ratio <= factor)
