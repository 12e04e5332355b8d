"""Publishing on a disk that is full: a clear refusal, nothing lost, and it works again."""

from __future__ import annotations

import os
import random
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.workers.repository.generations import files_of, holds, published
from tests.workers.repository.programs import program, refused, succeeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.workers.repository.clients import Client
    from tests.workers.repository.programs import Outcome, Packages, ReleaseRepository

_DISK = 4 << 20
# Sizes in hexadecimal digits; a package of them has at least half as many bytes.
_TOO_LARGE = 10 << 20
_LARGE = 1 << 20


@pytest.fixture
def served_folder(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.fixture
def large(
    release: ReleaseRepository, packages: Packages, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], Path]:
    """Return a function that makes a package of about so many hexadecimal digits."""
    monkeypatch.setenv("DPKG_DEB_COMPRESSOR_TYPE", "none")

    def make(digits: int) -> Path:
        text = random.Random(0).randbytes(digits // 2).hex()  # noqa: S311 - only incompressible
        return packages.make(release.package_format, "1.1", text=text)

    return make


def test_a_package_larger_than_the_disk_is_refused(
    release: ReleaseRepository,
    reader: Client,
    packages: Packages,
    large: Callable[[int], Path],
) -> None:
    release.publish(packages.make(release.package_format, "1.0"))
    before = published(release)
    _is_full(program(*release.stage_arguments(large(_TOO_LARGE))))
    assert published(release) == before
    assert files_of(release, before)
    # What could not be published takes no space from what can.
    release.publish(packages.make(release.package_format, "1.2"))
    reader.update()
    assert reader.versions("demo") == {"1.2", "1.0"}
    assert reader.download("demo")


def test_a_stage_works_again_when_there_is_space_again(
    served_folder: Path,
    release: ReleaseRepository,
    packages: Packages,
    large: Callable[[int], Path],
) -> None:
    release.publish(packages.make(release.package_format, "1.0"))
    folder = large(_LARGE)
    before = published(release)
    with _full(served_folder):
        _is_full(program(*release.stage_arguments(folder)))
        assert published(release) == before
        assert files_of(release, before)
    release.publish(folder)
    assert holds(release, "1.1")


def test_a_commit_on_a_full_disk_happens_or_can_be_made_again(
    served_folder: Path, release: ReleaseRepository, packages: Packages
) -> None:
    release.publish(packages.make(release.package_format, "1.0"))
    staged = release.stage(packages.make(release.package_format, "1.1"))
    signed, before = release.sign(staged), published(release)
    with _full(served_folder):
        outcome = release.commit(staged, signed)
        assert files_of(release, before)
        assert (published(release) == before) == (outcome.status != 0)
    # One that needs no more space may well succeed.
    if outcome.status != 0:
        _is_full(outcome)
        succeeded(release.commit(staged, signed))
    assert holds(release, "1.1")


def _is_full(outcome: Outcome) -> None:
    reason = refused(outcome, 75)
    assert "space" in reason or "full" in reason, reason


@contextmanager
def _full(folder: Path) -> Iterator[None]:
    """Leave no space where a folder is, until the end of the block."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    try:
        yield
    finally:
        filler.unlink()
