"""Adding one signed package to an RPM repository, gz metadata.

Lockgate alone signs the metadata as well, which is in its time and told apart as a part of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks.adding import adding, flatness
from tests.benchmarks.lockgate import ResidentRpm
from tests.benchmarks.measure import faster
from tests.benchmarks.peers import CreaterepoAgent, CreaterepoC

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.measure import Line
    from tests.benchmarks.publisher import Publisher

OTHERS: tuple[type[Publisher], ...] = (CreaterepoC, CreaterepoAgent)
_LARGE = 10_000
_FLAT = 2


def lines(bench: Bench, others: Sequence[type[Publisher]] = OTHERS) -> Iterator[Line]:
    """A line for each size, and one for how the largest and the smallest compare."""
    for size in bench.sizes:
        line = adding(bench, ResidentRpm, others, size)
        if size >= _LARGE:
            line.verdicts.append(faster(line.values, CreaterepoAgent.name, 2.5))
            line.verdicts.append(faster(line.values, CreaterepoC.name, 15))
        yield line
    yield flatness(bench, ResidentRpm, _FLAT)
