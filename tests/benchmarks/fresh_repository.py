"""A fresh test repository of five packages, from nothing to signed metadata."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from tests.benchmarks.inputs import gather
from tests.benchmarks.lockgate import COLD
from tests.benchmarks.measure import LOCKGATE, Line, at_most, interleaved, medians
from tests.benchmarks.peers import Aptly, CreaterepoC, Reprepro
from tests.benchmarks.publisher import CODENAME
from tests.benchmarks.served import expect
from tests.workers.repository.programs import program, succeeded
from workers.repository.test import publish_test_repository

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.inputs import Format
    from tests.benchmarks.publisher import Publisher

_PACKAGES = 5
_MILLISECONDS = 25


def lines(bench: Bench) -> dict[str, Callable[[], Line]]:
    """A line for each format."""
    return {
        f"fresh test repository of {_PACKAGES} DEB": partial(
            _line, bench, "deb", (Reprepro, Aptly)
        ),
        f"fresh test repository of {_PACKAGES} RPM": partial(_line, bench, "rpm", (CreaterepoC,)),
    }


def _line(bench: Bench, package_format: Format, others: Sequence[type[Publisher]]) -> Line:
    top = bench.folder / f"fresh-{package_format}"
    with ExitStack() as ending:
        ending.callback(shutil.rmtree, top)
        packages = gather(bench.inputs.packages(package_format, _PACKAGES), top / "packages")
        served, home = top / "served", bench.keys.home.path
        made: list[Path] = []

        def resident(number: int) -> None:
            name = f"fresh-{number}"
            publish_test_repository(package_format, name, served, packages, CODENAME, home)
            made.append(served / "test" / name)

        def cold(number: int) -> None:
            name = f"cold-{number}"
            what = ("--id", name, "--served", served, "--packages", packages, "--home", home)
            which = ("--format", package_format, "--codename", CODENAME)
            succeeded(program("repository", "test", *which, *what))
            made.append(served / "test" / name)

        def turns(kind: type[Publisher]) -> Callable[[int], None]:
            def turn(number: int) -> None:
                publisher = kind(top / f"{kind.__name__.lower()}-{number}", bench.keys)
                publisher.prepare(packages)
                publisher.close()
                made.append(publisher.served)

            return turn

        contestants = {kind.name: turns(kind) for kind in others if kind.installed()}
        seconds = interleaved({LOCKGATE: resident, COLD: cold, **contestants}, bench.scale.rounds)
        for root in made:
            expect(
                package_format, root, bench.keys.ring, {path.name for path in packages.iterdir()}
            )
    line = Line(medians(seconds))
    line.verdicts.append(at_most(line.values, _MILLISECONDS))
    return line
