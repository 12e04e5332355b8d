"""Clients that read while hot packages are published: how many of their transactions fail.

A transaction is ``apt-get update`` and a download, or the same by dnf; half of the clients read the
repository, half a mirror that is brought up to date after each publish.
"""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event
from typing import TYPE_CHECKING

from tests.benchmarks.inputs import gather
from tests.benchmarks.lockgate import ResidentApt, ResidentRpm
from tests.benchmarks.measure import LOCKGATE, Line, at_most
from tests.benchmarks.mirroring import sync
from tests.workers.mirrors.daemon import Daemon
from tests.workers.repository.clients import ClientFailed
from tests.workers.repository.web import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.lockgate import Resident
    from tests.workers.repository.clients import Client

_PACKAGES = 1000
_CLIENTS_OF_EACH = 2
_SECONDS_BETWEEN = 0.3
_FAILURES = "failures"


def lines(bench: Bench) -> Iterator[Line]:
    """A line for each format."""
    for kind in (ResidentApt, ResidentRpm):
        yield _line(bench, kind)


def _line(bench: Bench, kind: type[Resident]) -> Line:
    package_format = kind.package_format
    publishes = 10 * bench.rounds
    packages = bench.inputs.packages(package_format, _PACKAGES + publishes)
    there, hot = packages[:_PACKAGES], packages[_PACKAGES:]
    top = bench.folder / f"reading-{package_format}"
    served = top / "served"
    with ExitStack() as ending:
        ending.callback(shutil.rmtree, top)
        publisher = kind(served / "release", bench.keys)
        daemon = Daemon.make(top / "daemon", served)
        process = daemon.start()
        ending.callback(process.wait)
        ending.callback(process.terminate)
        web = ending.enter_context(serving(served, top))
        publisher.prepare(gather(there, top / "there"))
        own = str(publisher.root.relative_to(served))
        sync(publisher.root, daemon, web.url, "mirror")
        key = publisher.root / "key.asc"
        clients = [
            web.client(package_format, path, key)
            for path in (own, "mirror")
            for _ in range(_CLIENTS_OF_EACH)
        ]
        done = Event()
        with ThreadPoolExecutor(len(clients)) as threads:
            reading = [threads.submit(_read, client, there[0], done) for client in clients]
            try:
                for package in hot:
                    began = time.monotonic()
                    publisher.add(package)
                    sync(publisher.root, daemon, web.url, "mirror")
                    time.sleep(max(0, began + _SECONDS_BETWEEN - time.monotonic()))
            finally:
                done.set()
            counts = [each.result() for each in reading]
    transactions, failed = (sum(of) for of in zip(*counts, strict=True))
    values = {LOCKGATE: float(failed)}
    parts = {"transactions": float(transactions), "publishes": float(len(hot))}
    line = Line(f"4 {package_format.upper()} clients meanwhile", values, parts, unit=_FAILURES)
    line.verdicts.append(at_most(values, 0, _FAILURES))
    return line


def _read(client: Client, package: Path, done: Event) -> tuple[int, int]:
    """Read until told to stop; how many transactions were made, and how many of them failed."""
    split = package.name.split("_") if package.suffix == ".deb" else package.name.rsplit("-", 2)
    name = split[0]
    transactions = failed = 0
    while not done.is_set():
        transactions += 1
        try:
            client.update()
            client.download(name)
        except ClientFailed:
            failed += 1
    return transactions, failed
