"""One package of a repository changes: what a mirror is sent, and in how many sessions.

Lockgate's mirror follows Lockgate's repository. The peers bring what reprepro(1) or createrepo_c(8)
made of the same packages to a mirror. All go through one rsync daemon. What Lockgate's layout alone
is worth is told by plain rsync over it, a way that no client should be offered.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.benchmarks.inputs import gather
from tests.benchmarks.lockgate import RESIDENT
from tests.benchmarks.measure import LOCKGATE, Line, at_most
from tests.benchmarks.peers import CreaterepoC, Reprepro
from tests.benchmarks.rsyncing import Cost, Plain, Script
from tests.benchmarks.served import Wrong
from tests.workers.mirrors.daemon import Daemon
from tests.workers.repository.web import serving
from workers.mirrors import sync as syncing
from workers.mirrors.served import Served
from workers.mirrors.target import read_target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.inputs import Format
    from tests.benchmarks.publisher import Publisher

_MOST_BYTES = 50_000
_MOST_SESSIONS = 3
_LAYOUT = "(rsync -aH over lockgate's layout)"
_PEERS: dict[Format, type[Reprepro | CreaterepoC]] = {"deb": Reprepro, "rpm": CreaterepoC}
_METADATA = {"deb": "dists", "rpm": "repodata"}


def lines(bench: Bench) -> dict[str, Callable[[], Line]]:
    """A line for each format."""
    packages = f"{bench.scale.packages:,}"
    return {
        f"a mirror, 1 of {packages} {package_format.upper()} changed": partial(
            _line, bench, package_format
        )
        for package_format in _PEERS
    }


def _line(bench: Bench, package_format: Format) -> Line:
    changing = bench.inputs.changing(package_format)
    others = bench.inputs.packages(package_format, bench.scale.packages - len(changing))
    top = bench.folder / f"mirroring-{package_format}"
    with ExitStack() as ending:
        ending.callback(shutil.rmtree, top)
        there = gather([*others, *changing], top / "there")
        own = RESIDENT[package_format](top / "lockgate", bench.keys)
        publishers: list[Publisher] = [own]
        mirrors = top / "mirrors"
        mirrors.mkdir()
        daemon = Daemon.make(top / "daemon", mirrors)
        process = daemon.start()
        ending.callback(process.wait)
        ending.callback(process.terminate)
        web = ending.enter_context(serving(mirrors, top))

        def lockgate(source: Path) -> Cost:
            done = sync(source, daemon, web.url, "lockgate")
            return Cost(done["bytes_sent"], done["bytes_received"], done["sessions"])

        layout = Plain(daemon, "layout", ("-H",))
        contestants: list[tuple[str, Publisher, Callable[[Path], Cost], Path]] = [
            (LOCKGATE, own, lockgate, mirrors / "lockgate"),
            (_LAYOUT, own, layout.sync, mirrors / "layout"),
        ]
        peer = _PEERS[package_format]
        if peer.installed():
            publishers.append(other := peer(top / "peer", bench.keys))
            plain = Plain(daemon, "plain")
            script = Script(daemon, "script", _METADATA[package_format])
            contestants += [
                (f"{peer.name}, rsync -a --delete", other, plain.sync, mirrors / "plain"),
                (f"{peer.name}, classic script", other, script.sync, mirrors / "script/stable"),
            ]
        for publisher in publishers:
            publisher.prepare(there)
        for _, publisher, bring, _ in contestants:
            bring(publisher.served)
        costs: dict[str, list[Cost]] = {name: [] for name, *_ in contestants}
        changes = bench.changes(package_format)
        # The first round is not counted: some keep the repository before the last.
        for number, package in zip(range(bench.scale.rounds + 1), changes, strict=False):
            for publisher in publishers:
                publisher.add(package)
            for name, publisher, bring, mirror in contestants:
                cost = bring(publisher.served)
                _must_equal(publisher.served, mirror)
                if number:
                    costs[name].append(cost)
    sent = {name: statistics.median(cost.sent for cost in of) for name, of in costs.items()}
    details = {
        name: {
            "bytes received": statistics.median(cost.received for cost in of),
            "sessions": statistics.median(cost.sessions for cost in of),
        }
        for name, of in costs.items()
    }
    verdicts = [
        at_most(sent, _MOST_BYTES, "bytes"),
        at_most({LOCKGATE: details[LOCKGATE]["sessions"]}, _MOST_SESSIONS, "sessions"),
    ]
    return Line(sent, details, verdicts, unit="bytes")


def sync(repository: Path, daemon: Daemon, url: str, name: str) -> dict[str, Any]:
    """Bring a mirror below what a daemon serves up to date; the answer of the program."""
    to = f"rsync://syncer@127.0.0.1:{daemon.port}/mirrors/{name}"
    target = read_target(to, daemon.folder / "password", None, None)
    mirror = syncing.Mirror(target, Served.at(f"{url}/{name}"))
    return syncing.sync(repository.resolve(), mirror)


def _must_equal(source: Path, mirror: Path) -> None:
    """Raise :class:`tests.benchmarks.served.Wrong` unless both have the same files."""
    found = subprocess.run(
        [
            *("diff", "--recursive", "--brief", "--no-dereference", "--exclude=.*"),
            *(f"{source}/.", f"{mirror}/."),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode != 0:
        raise Wrong(f"the mirror is not what is mirrored: {found.stdout[:1000]}{found.stderr}")
