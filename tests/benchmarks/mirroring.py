"""One package of a repository changes: what a mirror is sent.

The peer is what most mirrors are made with: rsync(1) over the whole repository.
"""

from __future__ import annotations

import shutil
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.benchmarks.inputs import gather
from tests.benchmarks.lockgate import ResidentApt, ResidentRpm
from tests.benchmarks.measure import LOCKGATE, Line, at_most
from tests.workers.mirrors.daemon import Daemon
from tests.workers.repository.programs import program, succeeded
from tests.workers.repository.web import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.lockgate import Resident

_PACKAGES = 1000
_MOST_BYTES = 50_000
_MOST_SESSIONS = 3
_PLAIN = "rsync -aH --delete"


def lines(bench: Bench) -> Iterator[Line]:
    """A line for each format."""
    for kind in (ResidentApt, ResidentRpm):
        yield _line(bench, kind)


def _line(bench: Bench, kind: type[Resident]) -> Line:
    package_format = kind.package_format
    *there, new = bench.inputs.packages(package_format, _PACKAGES + 1)
    top = bench.folder / f"mirroring-{package_format}"
    with ExitStack() as ending:
        ending.callback(shutil.rmtree, top)
        publisher = kind(top / "lockgate", bench.keys)
        mirrors = top / "mirrors"
        mirrors.mkdir()
        daemon = Daemon.make(top / "daemon", mirrors)
        process = daemon.start()
        ending.callback(process.wait)
        ending.callback(process.terminate)
        web = ending.enter_context(serving(mirrors, top))
        publisher.prepare(gather(there, top / "there"))
        for name in ("own", "plain"):
            sync(publisher.root, daemon, web.url, name)
        publisher.add(new)
        done = sync(publisher.root, daemon, web.url, "own")
        values = {
            LOCKGATE: float(done["bytes_sent"]),
            _PLAIN: _plain(publisher.root, mirrors / "plain"),
        }
    line = Line(
        f"a mirror, 1 of {_PACKAGES:,} {package_format.upper()} changed", values, unit="bytes"
    )
    line.verdicts.append(at_most(values, _MOST_BYTES, line.unit))
    line.verdicts.append(at_most({LOCKGATE: done["sessions"]}, _MOST_SESSIONS, "sessions"))
    return line


def sync(repository: Path, daemon: Daemon, url: str, name: str) -> dict[str, int]:
    """Bring a mirror below what a daemon serves up to date; the answer of the program."""
    return succeeded(
        program(
            *("mirror", "sync", "--repository", repository),
            *("--to", f"rsync://syncer@127.0.0.1:{daemon.port}/mirrors/{name}"),
            *("--url", f"{url}/{name}", "--password-file", daemon.folder / "password"),
        )
    )


def _plain(repository: Path, mirror: Path) -> float:
    """Bytes that one run over everything sends; the wire is the same to a daemon."""
    done = subprocess.run(
        [
            *("rsync", "--archive", "--hard-links", "--delete", "--stats", "--no-whole-file"),
            *("--exclude=.*", f"{repository}/", f"{mirror}/"),
        ],
        check=True,
        capture_output=True,
        text=True,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    (sent,) = [x for x in done.stdout.splitlines() if x.startswith("Total bytes sent: ")]
    return float(sent.partition(": ")[2].replace(",", ""))
