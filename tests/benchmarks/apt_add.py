"""Adding one package to an APT repository: signed, gz and xz."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks.adding import adding, flatness
from tests.benchmarks.lockgate import ColdApt, ResidentApt
from tests.benchmarks.measure import at_most, faster
from tests.benchmarks.peers import Aptly, Ftparchive, Reprepro

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.measure import Line
    from tests.benchmarks.publisher import Publisher

OTHERS: tuple[type[Publisher], ...] = (ColdApt, Reprepro, Aptly, Ftparchive)
_LARGE = 1_000
_MILLISECONDS = {1_000: 60, 10_000: 100}
_FLAT = 2


def lines(bench: Bench, others: Sequence[type[Publisher]] = OTHERS) -> Iterator[Line]:
    """A line for each size, and one for how the largest and the smallest compare."""
    for size in bench.sizes:
        line = adding(bench, ResidentApt, others, size)
        if size >= _LARGE:
            line.verdicts.append(faster(line.values, Reprepro.name, 4))
            line.verdicts.append(faster(line.values, Aptly.name, 10))
        if size in _MILLISECONDS:
            line.verdicts.append(at_most(line.values, _MILLISECONDS[size]))
        yield line
    yield flatness(bench, ResidentApt, _FLAT)
