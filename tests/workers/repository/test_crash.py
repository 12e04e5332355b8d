"""Publishing programs killed at any moment: what is published stays whole, the next one works."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.workers.repository.generations import everything, files_of, holds, published
from tests.workers.repository.programs import LONG, program, start, succeeded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.workers.repository.clients import Client
    from tests.workers.repository.programs import Packages, ReleaseRepository

_TRIALS = 6  # of each program with each format
_VERSIONS = [f"1.{number}" for number in range(1 + _TRIALS)]


@pytest.fixture
def moments(release: ReleaseRepository) -> Moments:
    """Random moments of a program, the same in each run."""
    return Moments(release.package_format)


class Moments:
    """Kills programs at moments spread over the time they take, without that of starting Python."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - nobody has to be surprised
        begin = time.monotonic()
        start("repository", "commit", "--help").communicate()
        self._start = time.monotonic() - begin
        self._longest = float("inf")

    def whole(self, arguments: Sequence[str | Path]) -> float:
        """Run a program to its end and return how long it took."""
        begin = time.monotonic()
        succeeded(program(*arguments))
        return time.monotonic() - begin

    def kill(self, arguments: Sequence[str | Path], seconds: float) -> bool:
        """Start a program that takes so long and kill it; False if it was through before."""
        seconds = min(seconds, self._longest)
        moment = self._random.uniform(min(self._start, seconds) * 0.8, seconds)
        begin = time.monotonic()
        with start(*arguments) as process:
            try:
                process.communicate(timeout=moment)
                # The machine has other things to do at times: it takes no longer than this.
                self._longest = time.monotonic() - begin
            except subprocess.TimeoutExpired:
                process.kill()
        return process.returncode != 0


def test_a_killed_stage_is_never_seen(
    release: ReleaseRepository, reader: Client, packages: Packages, moments: Moments
) -> None:
    first, *folders = packages.series(release.package_format, _VERSIONS)
    release.publish(first)
    usual = _hidden(release)
    seconds = moments.whole(release.stage_arguments(folders[0]))
    killed = 0
    for version, folder in zip(_VERSIONS[1:], folders, strict=True):
        before = published(release)
        killed += moments.kill(release.stage_arguments(folder), seconds)
        assert published(release) == before
        assert files_of(release, before)
        release.publish(folder)
        assert holds(release, version)
    assert killed
    _reads(reader)
    # What crashes left behind goes once nothing is retained.
    release.publish(packages.make(release.package_format, "2.0"), retention=0)
    assert _hidden(release) == usual


@pytest.mark.parametrize("retention", [LONG, 0.0])
def test_a_killed_commit_happened_or_did_not(
    release: ReleaseRepository,
    reader: Client,
    packages: Packages,
    moments: Moments,
    retention: float,
) -> None:
    first, *folders = packages.series(release.package_format, _VERSIONS)
    staged = release.stage(first)
    signed = release.sign(staged)
    seconds = moments.whole(release.commit_arguments(staged["stage"], signed))
    usual = _hidden(release)
    killed = 0
    for version, folder in zip(_VERSIONS[1:], folders, strict=True):
        before = published(release)
        staged = release.stage(folder)
        signed = release.sign(staged)
        arguments = release.commit_arguments(staged["stage"], signed, retention)
        killed += moments.kill(arguments, seconds)
        assert files_of(release, published(release))
        assert retention == 0 or files_of(release, before)
        assert holds(release, version) == (published(release) != before)
        release.publish(folder)
        assert holds(release, version)
    assert killed
    _reads(reader)
    # What crashes left behind goes once nothing is retained.
    release.publish(packages.make(release.package_format, "2.0"), retention=0)
    assert _hidden(release) == usual


def test_what_a_commit_published_stays_when_it_was_killed_at_its_very_end(
    release: ReleaseRepository, reader: Client, packages: Packages, tmp_path: Path
) -> None:
    folder = packages.make(release.package_format, "1.0")
    staged = release.stage(folder)
    signed = release.sign(staged)
    stage = release.root / ".stage" / staged["stage"]
    shutil.copytree(stage, tmp_path / "stage")
    succeeded(release.commit(staged, signed))
    shutil.copytree(tmp_path / "stage", stage)  # it was killed before it took that away
    for _ in range(2):
        release.publish(folder, retention=0)
    reader.update()
    assert reader.download("demo")
    assert not any((release.root / ".stage").iterdir())


def _reads(reader: Client) -> None:
    reader.update()
    assert reader.versions("demo") == set(_VERSIONS[-2:])
    assert reader.download("demo")


def _hidden(release: ReleaseRepository) -> Counter[str]:
    """How many files that no client may ask for are in each folder."""
    paths = (path.relative_to(release.root) for path in everything(release.root))
    return Counter(
        str(path.parent) for path in paths if any(part.startswith(".") for part in path.parts)
    )
