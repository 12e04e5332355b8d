"""What a build takes besides compiling: the root, sources, dependencies, checks, results."""

from __future__ import annotations

import statistics
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from master.demo.upstream import unpacked_sources
from tests.benchmarks.measure import LOCKGATE, Line, Verdict, at_most
from tests.packages.rpms import DIST, RPM_PACKAGES
from tests.workers.as_user import temporary_worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.workers.as_user import Worker

_DEB, _DEB_MILLISECONDS = "hello", 3000
_RPM, _RPM_MILLISECONDS = "ring", 500
_COMPILE = "build"
_ROUNDS = 3


def lines(bench: Bench) -> Iterator[Line]:
    """A line for each format."""
    (source,) = unpacked_sources([_DEB], bench.folder / "sources").values()
    package = RPM_PACKAGES[_RPM]
    with temporary_worker() as worker:
        worker.root("deb-build")
        yield _line(
            worker,
            f"building DEB {_DEB}, but for its compile",
            ("deb", "--source", worker.tree(source)),
            _DEB_MILLISECONDS,
        )
        worker.root("rpm-build")
        trees = (worker.tree(package.source), worker.tree(package.packaging))
        yield _line(
            worker,
            f"building RPM {_RPM}, but for its compile",
            (
                *("rpm", "--source", trees[0], "--packaging", trees[1]),
                *("--spec", f"{_RPM}.spec", "--dist", DIST),
            ),
            _RPM_MILLISECONDS,
        )


def _line(worker: Worker, name: str, what: Sequence[str | Path], most: float) -> Line:
    besides: list[float] = []
    stages: list[dict[str, float]] = []
    for number in range(_ROUNDS + 1):
        with _timed() as took:
            out = worker.folder("out")
            done = worker.program("build", *what, "--out", out, "--roots", worker.roots)
        if done.status != 0:
            raise RuntimeError(f"the build failed: {done.answer} {done.said[-2000:]}")
        if number:  # the first warms up
            besides.append(took[0] - done.answer["stages"][_COMPILE])
            stages.append(done.answer["stages"])
    values = {LOCKGATE: statistics.median(besides) * 1000}
    parts = {stage: _median(stages, stage) for stage in stages[0]}
    parts["compile"] = parts.pop(_COMPILE)
    verdicts: list[Verdict] = [at_most(values, most)]
    return Line(name, values, parts, verdicts)


def _median(stages: Sequence[dict[str, Any]], stage: str) -> float:
    return float(statistics.median(each[stage] for each in stages)) * 1000


@contextmanager
def _timed() -> Iterator[list[float]]:
    took: list[float] = []
    began = time.perf_counter()
    yield took
    took.append(time.perf_counter() - began)
