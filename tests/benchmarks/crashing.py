"""Publishers killed at random moments: is what they serve whole, and do they go on by themselves?

A trial kills the publisher and all it started (``kill -9``) at a moment drawn from the time that it
usually takes. Then the repository is read as a client would read it, and the same package is
published again; if that fails, or does not bring the package about, the publisher is stuck until a
person has repaired it. Killed too is the sync that follows a publish; what is read then is the
mirror.
"""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tests.benchmarks.inputs import gather
from tests.benchmarks.lockgate import RESIDENT
from tests.benchmarks.measure import LOCKGATE, Line, at_most
from tests.benchmarks.mirroring import sync
from tests.benchmarks.peers import Aptly, CreaterepoC, Reprepro
from tests.benchmarks.served import Stale, Wrong, files_listed
from tests.workers.mirrors.daemon import Daemon
from tests.workers.processes import wait_until
from tests.workers.repository.web import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.inputs import Format
    from tests.benchmarks.publisher import Publisher

_PACKAGES = 100
_WARM_UPS = 3
_LONGEST_SECONDS = 60
_TRIALS_PER_KILL = 4  # some moments come when all is done
_NOTES = 3
_MIRROR = "lockgate's mirror"
_PEERS: Mapping[Format, Sequence[type[Publisher]]] = {
    "deb": (Reprepro, Aptly),
    "rpm": (CreaterepoC,),
}


def lines(bench: Bench) -> dict[str, Callable[[], Line]]:
    """A line for each format."""
    return {
        f"{bench.scale.kills} x kill -9, {package_format.upper()}": partial(
            _line, bench, package_format
        )
        for package_format in _PEERS
    }


@dataclass(frozen=True)
class _Victim:
    """What is killed."""

    prepare: Callable[[Path], object]
    """Done before the act, and not killed."""
    act: Callable[[Path], object]
    """Brings a package to where it is served."""
    repair: Callable[[Path], None]
    read: Callable[[], set[str]]
    """Names of the packages that a client finds; raises Wrong when it would fail."""


def _line(bench: Bench, package_format: Format) -> Line:
    top = bench.folder / f"crashing-{package_format}"
    with ExitStack() as ending:
        ending.callback(shutil.rmtree, top)
        changing = bench.inputs.changing(package_format)
        others = bench.inputs.packages(package_format, _PACKAGES - len(changing))
        there = gather([*others, *changing], top / "there")
        # What may be removed is removed at once: that is a part of what is killed.
        resident = partial(RESIDENT[package_format], keys=bench.keys, generations=1, seconds=0)
        peers = [kind for kind in _PEERS[package_format] if kind.installed()]
        publishers: list[Publisher] = [
            resident(top / "lockgate"),
            *(kind(top / kind.__name__.lower(), bench.keys) for kind in peers),
        ]
        followed = resident(top / "followed")
        for publisher in [*publishers, followed]:
            publisher.prepare(there)

        def read(root: Path) -> Callable[[], set[str]]:
            return partial(files_listed, package_format, root, bench.keys.ring)

        victims = {
            each.name: _Victim(_nothing, each.add, each.repair, read(each.served))
            for each in publishers
        }
        mirrors = top / "mirrors"
        mirrors.mkdir()
        daemon = Daemon.make(top / "daemon", mirrors)
        process = daemon.start()
        ending.callback(process.wait)
        ending.callback(process.terminate)
        web = ending.enter_context(serving(mirrors, top))

        def follow(_: Path) -> None:
            sync(followed.served, daemon, web.url, "mirror")

        victims[_MIRROR] = _Victim(followed.add, follow, _nothing, read(mirrors / "mirror"))
        seen = {
            name: _trials(victim, bench.changes(package_format), bench.scale.kills)
            for name, victim in victims.items()
        }
    bad = {name: float(each.bad) for name, each in seen.items()}
    own = {LOCKGATE: bad[LOCKGATE] + bad[_MIRROR]}
    return Line(
        bad,
        {name: each.details() for name, each in seen.items()},
        [at_most(own, 0, "trials")],
        unit="trials",
        notes=[f"{name}: {why}" for name, each in seen.items() for why in each.reasons[:_NOTES]],
    )


@dataclass
class _Seen:
    """What came of one victim's trials."""

    killed: int = 0
    inconsistent: int = 0
    stale: int = 0
    """Consistent but for a signature that no stock client asks for; that is not bad."""
    stuck: int = 0
    bad: int = 0
    """One of both."""
    reasons: list[str] = field(default_factory=list)

    def count(self, found: Wrong | None, stuck: str | None) -> None:
        """One more trial, with what a client found, and why nothing could be published then."""
        inconsistent = found is not None and not isinstance(found, Stale)
        self.killed += 1
        self.inconsistent += inconsistent
        self.stale += isinstance(found, Stale)
        self.stuck += stuck is not None
        self.bad += inconsistent or stuck is not None
        self.reasons += [f"inconsistent: {found}"] if inconsistent else []
        self.reasons += [f"stuck: {stuck}"] if stuck is not None else []

    def details(self) -> dict[str, float]:
        """Numbers of trials."""
        return {
            "killed": float(self.killed),
            "inconsistent": float(self.inconsistent),
            "stuck": float(self.stuck),
            "signature beside stale": float(self.stale),
        }


def _trials(victim: _Victim, packages: Iterator[Path], kills: int) -> _Seen:
    usual = statistics.median(_seconds(victim, package) for package in islice(packages, _WARM_UPS))
    random, seen = Random(kills), _Seen()  # noqa: S311 - nobody has to be surprised
    for package in islice(packages, _TRIALS_PER_KILL * kills):
        victim.prepare(package)
        if not _killed(partial(victim.act, package), random.uniform(0, usual)):
            continue
        found = _found(victim)
        stuck = _trouble(victim, package)
        seen.count(found, stuck)
        if stuck is not None:
            victim.repair(package)
            if (still := _trouble(victim, package)) is not None:
                seen.reasons.append(f"beyond repair after {seen.killed} trials: {still}")
                break
        if seen.killed == kills:
            break
    return seen


def _seconds(victim: _Victim, package: Path) -> float:
    """How long an act takes when it is left alone."""
    victim.prepare(package)
    began = time.monotonic()
    if _killed(partial(victim.act, package), _LONGEST_SECONDS):
        raise RuntimeError(f"publishing {package.name} takes longer than {_LONGEST_SECONDS} s")
    return time.monotonic() - began


def _killed(act: Callable[[], object], seconds: float) -> bool:
    """Begin something and kill it; False if it was through before."""
    # A copy of this process: what is killed has nothing to load first.
    process = get_context("fork").Process(target=_alone, args=(act,))
    process.start()
    process.join(seconds)
    if process.exitcode is None:
        os.killpg(_group(process.pid or 0), signal.SIGKILL)
    process.join()
    wait_until(lambda: not _alive(process.pid or 0), "all that was killed")
    if process.exitcode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"it failed with status {process.exitcode} before it was killed")
    return process.exitcode != 0


def _alone(act: Callable[[], object]) -> None:
    _group(0)
    act()


def _group(pid: int) -> int:
    """Put a process, which may have done so itself, into a group of its own."""
    os.setpgid(pid, 0)
    return pid


def _alive(group: int) -> bool:
    """Whether a process of a group is there that has not ended (proc_pid_stat(5))."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, own = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:  # it is gone
            continue
        if int(own) == group and state != "Z":
            return True
    return False


def _found(victim: _Victim) -> Wrong | None:
    """What a client finds wrong."""
    try:
        victim.read()
    except Wrong as wrong:
        return wrong
    return None


def _trouble(victim: _Victim, package: Path) -> str | None:
    """Why a package cannot be published; None when it is, and all is well."""
    try:
        victim.act(package)
        listed = package.name in victim.read()
    except Exception as error:  # noqa: BLE001 - however it fails, a person is needed
        return str(error)
    return None if listed else f"{package.name} is not listed"


def _nothing(_: Path) -> None:
    """There is nothing to do."""
