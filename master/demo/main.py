"""The demonstration from start to end."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

from master.demo import layout as where
from master.demo import summary
from master.demo.cluster import Cluster
from master.demo.layout import Layout
from master.demo.processes import DidNotStart, as_user, environment
from master.demo.programs import ask
from master.demo.progress import Progress
from master.demo.story import tell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import FrameType

    from master.demo.ready import Ready

_CLIENT_SECONDS = 300
_WIDTH = 140  # of lines in a file: addresses and passwords stay whole
# What each format's client installs at the end, from which mirror.
_CLIENTS = (
    ("deb", "near", "deb-install", ("hello", "ncompress")),
    ("rpm", "far", "rpm-install", ("tree",)),
)


def run(data: Path, *, oneshot: bool, story: bool) -> int:
    """Run the demonstration; the answer is the exit status, 0 when all came out as it should."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    began = time.monotonic()
    signal.signal(signal.SIGTERM, _stop)
    cluster = Cluster(
        Layout(data),
        tell=lambda word: console.print(
            f"[{time.monotonic() - began:5.0f} s] starting {word}", markup=False
        ),
    )
    data.mkdir(parents=True, exist_ok=True)
    try:
        with _alone(data):
            try:
                return _run(cluster, console, began, oneshot=oneshot, story=story)
            finally:
                console.print("stopping")
                cluster.stop()
    except DidNotStart as error:
        console.print(f"the demonstration cannot go on: {error}", markup=False, style="red")
        return 1
    except KeyboardInterrupt:
        return 130


def _run(cluster: Cluster, console: Console, began: float, *, oneshot: bool, story: bool) -> int:
    cluster.start()
    console.print(f"everything runs after {time.monotonic() - began:.0f} s", markup=False)
    ready = cluster.ready()
    console.print(summary.addresses(ready))
    good = _tell(cluster, ready, console, began) if story else True
    if not oneshot:
        console.print(f"\nBuildbot: {ready.web}   (Ctrl-C ends everything)", markup=False)
        while True:
            signal.pause()
    return 0 if good else 1


def _tell(cluster: Cluster, ready: Ready, console: Console, began: float) -> bool:
    """Tell the story and what became of it; whether all came out as it should."""
    seconds = cluster.seconds
    with seconds.of("the changes' way to the mirrors"):
        tales = tell(ready, cluster.layout.people, lambda lines: Progress(console, lines))
    with seconds.of("installing from the mirrors"):
        clients = [_client(cluster.layout, ready, console, *client) for client in _CLIENTS]
    good = all(tale.line.good for tale in tales) and all(clients)
    console.print(summary.changes(tales))
    for line in summary.rejections(tales):
        console.print(line, markup=False, highlight=False)
    console.print(summary.times(seconds.runs()))
    seconds.keep()
    console.print(
        f"{'all came out as it should' if good else 'something went wrong; see above'}, "
        f"{time.monotonic() - began:.0f} s in all",
        markup=False,
    )
    return good


def _client(
    layout: Layout,
    ready: Ready,
    console: Console,
    package_format: str,
    mirror: str,
    kind: str,
    packages: tuple[str, ...],
) -> bool:
    """Install from a mirror in a clean root that knows only its address and the public key."""
    roots = layout.roots(where.TESTER)
    made = ask(where.TESTER, roots, ["root", "make", "--kind", kind, "--cache", roots])
    url = f"{ready.mirrors[mirror]}/{where.RELEASE}/{package_format}"
    key = layout.keys / f"{package_format}.asc"
    result = subprocess.run(
        as_user(
            where.TESTER,
            [
                *(sys.executable, "-m", "master.demo.client", package_format, url, key),
                *(made["root"], *packages),
            ],
        ),
        cwd=roots,
        env=environment(roots),
        capture_output=True,
        text=True,
        timeout=_CLIENT_SECONDS,
        check=False,
    )
    tool = "apt-get" if package_format == "deb" else "dnf"
    if result.returncode != 0:
        console.print(f"{tool} install from {url} failed:\n{result.stderr[-3000:]}", markup=False)
        return False
    console.print(f"{tool} installed from {url}, signatures checked:", markup=False)
    for line in result.stdout.splitlines():
        console.print(f"  {line}", markup=False)
    return True


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Hold the data folder; a second demonstration on it is refused."""
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DidNotStart(f"another demonstration uses {data}; stop it first") from error
        yield


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
