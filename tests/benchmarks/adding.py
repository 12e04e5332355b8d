"""One package added to a repository, by several publishers in turn."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.benchmarks.inputs import gather
from tests.benchmarks.measure import LOCKGATE, Line, interleaved, medians, no_slower
from tests.benchmarks.served import expect

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.lockgate import Resident
    from tests.benchmarks.publisher import Publisher


def adding(
    bench: Bench, lockgate: type[Resident], others: Sequence[type[Publisher]], size: int
) -> Line:
    """Measure Lockgate and those of the others that are installed, each in its own repository.

    Raises :class:`tests.benchmarks.served.Wrong` if one of them has not published everything.
    """
    package_format = lockgate.package_format
    rounds = bench.scale.sizes[size]
    packages = bench.inputs.packages(package_format, size + rounds + 1)
    there, new = packages[:size], bench.ready(package_format, packages[size:])
    top = bench.folder / f"{package_format}-{size}"
    with ExitStack() as ending:
        ending.callback(shutil.rmtree, top)
        folder = gather(there, top / "there")
        own = lockgate(top / "lockgate", bench.keys)
        publishers: list[Publisher] = [own]
        for kind in others:
            if kind.installed():
                publishers.append(kind(top / kind.__name__.lower(), bench.keys))
                ending.callback(publishers[-1].close)
        for publisher in publishers:
            publisher.prepare(folder)
            publisher.announce(new)
        turns = {publisher.name: _turns(publisher, new) for publisher in publishers}
        seconds = interleaved(turns, rounds)
        for publisher in publishers:
            names = {package.name for package in packages}
            expect(package_format, publisher.served, bench.keys.ring, names)
    return Line(medians(seconds), {LOCKGATE: own.parts.medians()})


def flatness(bench: Bench, lockgate: type[Resident], factor: float) -> Line:
    """Measure Lockgate in the largest and in the smallest repository, in turns.

    Lines of different sizes are minutes apart: what else the machine does is not the same then.
    """
    sizes = bench.scale.sizes
    small, large = min(sizes), max(sizes)
    rounds, package_format = sizes[large], lockgate.package_format
    packages = bench.inputs.packages(package_format, large + rounds + 1)
    new = bench.ready(package_format, packages[large:])
    smaller = f"in {small:,}"
    top = bench.folder / f"{package_format}-flat"
    with ExitStack() as ending:
        ending.callback(shutil.rmtree, top)
        turns = {}
        for name, size in ((LOCKGATE, large), (smaller, small)):
            publisher = lockgate(top / name, bench.keys)
            publisher.prepare(gather(packages[:size], top / f"there {name}"))
            publisher.announce(new)
            turns[name] = _turns(publisher, new)
        found = medians(interleaved(turns, rounds))
    return Line(found, verdicts=[no_slower(found, smaller, factor)])


def _turns(publisher: Publisher, packages: Sequence[Path]) -> Callable[[int], None]:
    def turn(number: int) -> None:
        publisher.add(packages[number])

    return turn
