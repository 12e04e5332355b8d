"""Adding one package to an APT repository: signed, gz and xz."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.benchmarks.adding import adding, flatness
from tests.benchmarks.lockgate import ColdApt, ResidentApt
from tests.benchmarks.measure import at_most, faster
from tests.benchmarks.peers import Aptly, Ftparchive, Reprepro

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.measure import Line

_OTHERS = (ColdApt, Reprepro, Aptly, Ftparchive)
_LARGE = 1_000
_MILLISECONDS = {1_000: 60, 10_000: 100}
_FLAT = 2


def lines(bench: Bench) -> dict[str, Callable[[], Line]]:
    """A line for each size, and one for how the largest and the smallest compare."""
    sizes = bench.scale.sizes
    adds = {f"add 1 to {size:,} DEB": partial(_add, bench, size) for size in sizes}
    flat = f"flat: add 1 to {max(sizes):,} DEB"
    return {**adds, flat: partial(flatness, bench, ResidentApt, _FLAT)}


def _add(bench: Bench, size: int) -> Line:
    line = adding(bench, ResidentApt, _OTHERS, size)
    if size >= _LARGE:
        line.verdicts.append(faster(line.values, Reprepro.name, 4))
        line.verdicts.append(faster(line.values, Aptly.name, 10))
    if size in _MILLISECONDS:
        line.verdicts.append(at_most(line.values, _MILLISECONDS[size]))
    return line
