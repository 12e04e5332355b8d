"""Clients that read while packages they want are published: how many of their transactions fail.

Ten packages get one new version after the other, every 0.3 seconds or as fast as the publisher
can. A transaction is ``apt-get update`` and the download of one of the ten, or the same by dnf;
one that does not end in time has failed. Half of Lockgate's clients read the repository, half a
mirror that is brought up to date all the time. What was replaced is kept for a short time only, so
that files go away meanwhile. The peers are served as they write, and have no mirror.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from random import Random
from threading import Event
from typing import TYPE_CHECKING

from tests.benchmarks.inputs import gather
from tests.benchmarks.lockgate import RESIDENT
from tests.benchmarks.measure import LOCKGATE, Line, at_most
from tests.benchmarks.mirroring import sync
from tests.benchmarks.peers import CreaterepoC, Reprepro
from tests.benchmarks.sketches import CHANGING, sketch
from tests.workers.mirrors.daemon import Daemon
from tests.workers.repository.clients import ClientFailed
from tests.workers.repository.web import serving
from workers.files import sha256, sha256_of
from workers.outcome import InfrastructureFault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.inputs import Format
    from tests.benchmarks.publisher import Publisher
    from tests.workers.repository.clients import Client
    from tests.workers.repository.web import Served

_CLIENTS = 4
_SECONDS_BETWEEN = 0.3
# What was replaced is kept for so long: more than a transaction takes, less than the run.
_SECONDS_KEPT = 20
# A peer's failures show soon.
_PEERS_SHARE = 8
_NOTES = 5
_FAILURES = "failures"
_PEERS: dict[Format, type[Reprepro | CreaterepoC]] = {"deb": Reprepro, "rpm": CreaterepoC}
_REPOSITORY, _MIRROR = "repository", "mirror"


def lines(bench: Bench) -> dict[str, Callable[[], Line]]:
    """A line for each format."""
    return {
        f"{_CLIENTS} {package_format.upper()} clients meanwhile": partial(
            _line, bench, package_format
        )
        for package_format in _PEERS
    }


@dataclass
class _Reader:
    """A client and what became of its transactions."""

    place: str
    client: Client
    random: Random
    known: frozenset[str]
    """SHA-256 of all that it may ever be given."""
    transactions: int = 0
    failures: list[str] = field(default_factory=list)
    longest: float = 0

    def read(self, done: Event) -> None:
        """Read until told to stop."""
        names = [sketch(number).name for number in CHANGING]
        while not done.is_set():
            began = time.monotonic()
            try:
                self.client.update()
                content = self.client.download(self.random.choice(names))
            except (ClientFailed, subprocess.TimeoutExpired) as error:
                self.failures.append(str(error))
            else:
                if sha256_of(content) not in self.known:
                    self.failures.append("it was given something else than was published")
            self.transactions += 1
            self.longest = max(self.longest, time.monotonic() - began)


@dataclass(frozen=True)
class _Seen:
    """What came of one publisher and its readers."""

    failures: int
    details: dict[str, float]
    notes: list[str]


def _line(bench: Bench, package_format: Format) -> Line:
    top = bench.folder / f"reading-{package_format}"
    served = top / "served"
    with ExitStack() as ending:
        ending.callback(shutil.rmtree, top)
        served.mkdir(parents=True)
        first, changes = _packages(bench, package_format, top)
        web = ending.enter_context(serving(served, top))
        own = RESIDENT[package_format](
            served / "lockgate", bench.keys, generations=1, seconds=_SECONDS_KEPT
        )
        daemon = Daemon.make(top / "daemon", served)
        process = daemon.start()
        ending.callback(process.wait)
        ending.callback(process.terminate)

        def follow() -> None:
            sync(own.served, daemon, web.url, _MIRROR)

        places = {_REPOSITORY: own.served, _MIRROR: served / _MIRROR}
        seen = {LOCKGATE: _watch(bench, web, own, first, changes, places, follow)}
        peer = _PEERS[package_format]
        if peer.installed():
            other = peer(served / "peer", bench.keys)
            fewer = changes[: max(len(changes) // _PEERS_SHARE, 1)]
            places = {_REPOSITORY: other.served}
            seen[f"{peer.name} in place"] = _watch(bench, web, other, first, fewer, places)
    values = {name: float(each.failures) for name, each in seen.items()}
    return Line(
        values,
        {name: each.details for name, each in seen.items()},
        [at_most(values, 0, _FAILURES)],
        unit=_FAILURES,
        notes=[f"{name}: {note}" for name, each in seen.items() for note in each.notes],
    )


def _packages(bench: Bench, package_format: Format, top: Path) -> tuple[Path, list[Path]]:
    """What is there in the beginning, and what is published then."""
    changing = bench.ready(package_format, bench.inputs.changing(package_format))
    others = bench.inputs.packages(package_format, bench.scale.packages - len(changing))
    changes = list(islice(bench.changes(package_format), bench.scale.publishes))
    return gather([*others, *changing], top / "first"), changes


def _watch(
    bench: Bench,
    web: Served,
    publisher: Publisher,
    first: Path,
    changes: Sequence[Path],
    places: Mapping[str, Path],
    follow: Callable[[], None] | None = None,
) -> _Seen:
    """Publish while clients read in some places; ``follow`` brings a mirror up to date."""
    publisher.prepare(first)
    if follow is not None:
        follow()
    known = frozenset(sha256(package) for package in [*first.iterdir(), *changes])
    readers = [
        _Reader(place, _client(web, publisher, root, bench.keys.armoured), Random(number), known)  # noqa: S311
        for place, root in places.items()
        for number in range(_CLIENTS // len(places))
    ]
    done = Event()
    with ThreadPoolExecutor(_CLIENTS + 1) as threads:
        running = [threads.submit(reader.read, done) for reader in readers]
        following = threads.submit(_repeat, follow, done) if follow is not None else None
        began = time.monotonic()
        try:
            _publish(publisher, changes)
            took = time.monotonic() - began
        finally:
            done.set()
        for each in running:
            each.result()
        details = {"publishes": float(len(changes)), "seconds between": took / len(changes)}
        notes = []
        if following is not None:
            syncs, failed = following.result()
            details |= {"syncs": float(syncs), "syncs that failed": float(len(failed))}
            notes += [f"a sync: {reason}" for reason in failed[:_NOTES]]
    for place in places:
        of_it = [reader for reader in readers if reader.place == place]
        details[f"transactions, {place}"] = float(sum(reader.transactions for reader in of_it))
        details[f"failures, {place}"] = float(sum(len(reader.failures) for reader in of_it))
    details["longest transaction, s"] = max(reader.longest for reader in readers)
    there = {path.name for path in publisher.served.rglob(f"*{changes[0].suffix}")}
    details["packages gone"] = float(sum(package.name not in there for package in changes))
    failures = [f"{reader.place}: {said}" for reader in readers for said in reader.failures]
    return _Seen(len(failures), details, [*failures[:_NOTES], *notes])


def _client(web: Served, publisher: Publisher, root: Path, key: Path) -> Client:
    path = str(root.relative_to(web.folder))
    return web.client(publisher.package_format, path, key)


def _publish(publisher: Publisher, changes: Sequence[Path]) -> None:
    for package in changes:
        began = time.monotonic()
        publisher.add(package)
        time.sleep(max(0, began + _SECONDS_BETWEEN - time.monotonic()))


def _repeat(sync: Callable[[], None], done: Event) -> tuple[int, list[str]]:
    """Sync again and again until told to stop: how often, and why some of them failed.

    A sync that fails leaves the mirror as it was; the next one is another try.
    """
    times, failed = 0, []
    while not done.is_set():
        times += 1
        try:
            sync()
        except InfrastructureFault as fault:
            failed.append(fault.reason)
    return times, failed
