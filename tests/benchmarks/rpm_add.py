"""Adding one signed package to an RPM repository, gz metadata.

The package was signed before: that takes the same time, whoever publishes it then. Lockgate alone
signs the metadata as well, which is in its time and told apart as a part of it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.benchmarks.adding import adding, flatness
from tests.benchmarks.lockgate import ColdRpm, ResidentRpm
from tests.benchmarks.measure import faster
from tests.benchmarks.peers import CreaterepoAgent, CreaterepoC

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.measure import Line

_OTHERS = (ColdRpm, CreaterepoC, CreaterepoAgent)
_LARGE = 10_000
_FLAT = 2


def lines(bench: Bench) -> dict[str, Callable[[], Line]]:
    """A line for each size, and one for how the largest and the smallest compare."""
    sizes = bench.scale.sizes
    adds = {f"add 1 to {size:,} RPM": partial(_add, bench, size) for size in sizes}
    flat = f"flat: add 1 to {max(sizes):,} RPM"
    return {**adds, flat: partial(flatness, bench, ResidentRpm, _FLAT)}


def _add(bench: Bench, size: int) -> Line:
    line = adding(bench, ResidentRpm, _OTHERS, size)
    if size >= _LARGE:
        line.verdicts.append(faster(line.values, CreaterepoAgent.name, 2.5))
        line.verdicts.append(faster(line.values, CreaterepoC.name, 15))
    return line
