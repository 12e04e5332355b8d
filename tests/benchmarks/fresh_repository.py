"""A fresh test repository of five packages, from nothing to signed metadata."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.benchmarks.inputs import gather
from tests.benchmarks.measure import LOCKGATE, Line, at_most, interleaved, medians
from tests.benchmarks.peers import Aptly, CreaterepoC, Reprepro
from tests.benchmarks.publisher import CODENAME
from workers.repository.test import publish_test_repository
from workers.signing.gnupg import throw_away_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.inputs import Format
    from tests.benchmarks.publisher import Publisher

OTHERS: Mapping[Format, Sequence[type[Publisher]]] = {
    "deb": (Reprepro, Aptly),
    "rpm": (CreaterepoC,),
}
_PACKAGES = 5
_MILLISECONDS = 25


def lines(
    bench: Bench, others: Mapping[Format, Sequence[type[Publisher]]] = OTHERS
) -> Iterator[Line]:
    """A line for each format."""
    throw_away_key(bench.keys.home)  # a worker has had it since its first test repository
    for package_format, kinds in others.items():
        yield _line(bench, package_format, kinds)


def _line(bench: Bench, package_format: Format, kinds: Sequence[type[Publisher]]) -> Line:
    top = bench.folder / f"fresh-{package_format}"
    packages = gather(bench.inputs.packages(package_format, _PACKAGES), top / "packages")
    served = top / "served"

    def lockgate(number: int) -> None:
        home = bench.keys.home.path
        publish_test_repository(package_format, f"fresh-{number}", served, packages, CODENAME, home)

    def turns(kind: type[Publisher]) -> Callable[[int], None]:
        def turn(number: int) -> None:
            publisher = kind(top / f"{kind.__name__.lower()}-{number}", bench.keys)
            publisher.prepare(packages)
            publisher.close()

        return turn

    contestants = {kind.name: turns(kind) for kind in kinds if kind.installed()}
    seconds = interleaved({LOCKGATE: lockgate, **contestants}, bench.rounds)
    shutil.rmtree(top)
    line = Line(f"fresh test repository of {_PACKAGES} {package_format.upper()}", medians(seconds))
    line.verdicts.append(at_most(line.values, _MILLISECONDS))
    return line
