"""What a build takes besides compiling: the root, sources, dependencies, checks, results.

The floor is the same source package built *by hand*: the same commands, begun when the root is
there, has what the build needs, and holds the unpacked source. What Lockgate takes from tree to
results is told beside it, with the time of each of its stages; its own ``build`` stage is the same
commands in the sandbox.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from master.demo.upstream import unpacked_sources
from tests.benchmarks.measure import LOCKGATE, Line, at_most_more
from tests.packages.rpms import DIST, RPM_PACKAGES
from tests.workers.as_user import temporary_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.workers.as_user import Worker

_DEB, _DEB_MILLISECONDS = "hello", 3000
_RPM, _RPM_MILLISECONDS = "ring", 500
_COMPILE = "build"
_HAND = "by hand"
_SECONDS = 300

# A root over the image, in a mount namespace that takes it away in the end. Arguments: the image,
# an empty folder, the source package's files, then what a `_Built` says.
_BY_HAND = """
set -eu
image=$1 folder=$2 sources=$3 install=$4 prepare=$5 build=$6
mount -t tmpfs none "$folder"
mkdir "$folder/upper" "$folder/work" "$folder/root"
mount -t overlay none -o "lowerdir=$image,upperdir=$folder/upper,workdir=$folder/work" \\
  "$folder/root"
mount -t proc none "$folder/root/proc"
mount --rbind /dev "$folder/root/dev"
cp --dereference --remove-destination /etc/resolv.conf "$folder/root/etc"
owner=$(stat --format=%u:%g "$folder/root/build")
cp "$sources"/* "$folder/root/build"
chown "$owner" "$folder/root/build"/*
inside() {
  chroot --userspec="$1" --groups= "$folder/root" \\
    env --ignore-environment --chdir=/build HOME=/build PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
    LC_ALL=C.UTF-8 TZ=UTC sh -euc "$2"
}
inside 0:0 "$install" >&2
inside "$owner" "$prepare" >&2
began=$(date +%s%N)
inside "$owner" "$build" >&2
echo "$(($(date +%s%N) - began))"
"""


@dataclass(frozen=True)
class _Built:
    """What is built, and how that is done by hand."""

    root: str
    """The kind of root image."""
    sources: Sequence[str]
    """Patterns of the files of a source package."""
    install: str
    """Installs what the build needs, as root."""
    prepare: str
    build: str
    most: float
    """Milliseconds that Lockgate may take more."""


_BUILT_DEB = _Built(
    "deb-build",
    ("*.dsc", "*.tar.*"),
    "apt-get -qq -o APT::Sandbox::User=root update"
    " && apt-get -qq -o APT::Sandbox::User=root build-dep --yes ./*.dsc",
    "dpkg-source --extract *.dsc tree",
    "cd tree && dpkg-buildpackage --build=full -sa --no-pre-clean --no-sign"
    f" --root-command=fakeroot --jobs-try={os.cpu_count() or 1}"
    " --source-option=--single-debian-patch --source-option=--auto-commit",
    _DEB_MILLISECONDS,
)
_BUILT_RPM = _Built(
    "rpm-build",
    ("*.src.rpm",),
    ":",  # it needs nothing that the root lacks
    "mkdir rpmbuild",
    f"rpmbuild --rebuild --define '_topdir /build/rpmbuild' --define 'dist {DIST}' *.src.rpm",
    _RPM_MILLISECONDS,
)


def lines(bench: Bench) -> dict[str, Callable[[], Line]]:
    """A line for each format."""
    return {
        f"building DEB {_DEB}": partial(_deb, bench),
        f"building RPM {_RPM}": partial(_rpm, bench),
    }


def _deb(bench: Bench) -> Line:
    (source,) = unpacked_sources([_DEB], bench.folder / "sources").values()
    with temporary_worker() as worker:
        what = ("deb", "--source", worker.tree(source))
        return _line(bench, worker, _BUILT_DEB, what)


def _rpm(bench: Bench) -> Line:
    package = RPM_PACKAGES[_RPM]
    with temporary_worker() as worker:
        what = (
            *("rpm", "--source", worker.tree(package.source)),
            *("--packaging", worker.tree(package.packaging)),
            *("--spec", f"{_RPM}.spec", "--dist", DIST),
        )
        return _line(bench, worker, _BUILT_RPM, what)


def _line(bench: Bench, worker: Worker, built: _Built, what: Sequence[str | Path]) -> Line:
    image = worker.root(built.root)
    own: list[float] = []
    by_hand: list[float] = []
    stages: list[dict[str, float]] = []
    for _ in range(bench.scale.builds):
        out = worker.folder("out")
        began = time.monotonic()
        done = worker.program("build", *what, "--out", out, "--roots", worker.roots)
        took = time.monotonic() - began
        if done.status != 0:
            raise RuntimeError(f"the build failed: {done.answer} {done.said[-2000:]}")
        hand = _build_by_hand(worker, image, out, built)
        own.append(took * 1000)
        by_hand.append(hand * 1000)
        stages.append(done.answer["stages"])
    values = {LOCKGATE: statistics.median(own), _HAND: statistics.median(by_hand)}
    details = {f"stage {stage}": _median(stages, stage) for stage in stages[0]}
    besides = [total - each[_COMPILE] * 1000 for total, each in zip(own, stages, strict=True)]
    details[f"all but stage {_COMPILE}"] = statistics.median(besides)
    verdict = at_most_more(values, _HAND, built.most)
    return Line(values, {LOCKGATE: details}, [verdict])


def _build_by_hand(worker: Worker, image: Path, made: Path, built: _Built) -> float:
    """Seconds that building the source package takes which a build has made."""
    sources, folder = worker.folder("sources"), worker.folder("by-hand")
    for pattern in built.sources:
        for file in made.glob(pattern):
            (sources / file.name).hardlink_to(file)
    script = ("sh", "-c", _BY_HAND, "sh", image, folder, sources, built.install)
    done = subprocess.run(
        ["unshare", "--mount", *map(str, script), built.prepare, built.build],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"building by hand failed: {done.stderr[-2000:]}")
    return int(done.stdout) / 1e9


def _median(stages: Sequence[dict[str, Any]], stage: str) -> float:
    return float(statistics.median(each[stage] for each in stages)) * 1000
