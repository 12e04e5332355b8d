"""Whatever system call a publishing program is killed at, or finds the disk full at: what clients
see is the old generation or the new one, they see no error, and the next publish just works.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, get_args

import pytest

from tests.workers.repository.faults import Fault, moments_of, run_traced
from tests.workers.repository.generations import files_of, published
from workers.provenance.audit import audit
from workers.provenance.choice import chain_of
from workers.provenance.readers import Folder
from workers.provenance.trust import trusting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.workers.repository.clients import Client
    from tests.workers.repository.programs import Packages, ReleaseRepository

_SECONDS = 120
_INFRASTRUCTURE = 75
# All are tried by `make test-faults`; others in each run of the tests.
_STEPS = [pytest.param(1, marks=pytest.mark.faults), 9]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("step", _STEPS)
@pytest.mark.parametrize("fault", get_args(Fault))
@pytest.mark.parametrize("act", ["stage", "commit", "refresh", "rollback"])
def test_any_call_may_be_the_last(
    release: ReleaseRepository,
    reader: Client,
    packages: Packages,
    tmp_path: Path,
    act: str,
    fault: Fault,
    step: int,
) -> None:
    kind = release.package_format
    oldest = release.publish(packages.make(kind, "1.0"))["generation"]
    release.publish(packages.make(kind, "1.1"))
    tried, committed = 0, 0
    with _reading(reader):
        whole = run_traced(
            _arguments(release, act, packages.make(kind, "1.2"), oldest), fault, None, tmp_path
        )
        assert whole.status == 0, whole.answer
        for moment in moments_of(whole)[::step]:
            before = published(release)
            folder = packages.make(kind, f"1.{3 + committed}")
            arguments = _arguments(release, act, folder, oldest)
            end = run_traced(arguments, fault, moment, tmp_path)
            assert files_of(release, before)
            assert files_of(release, published(release))
            committed += published(release) != before
            assert act == "commit" or not committed
            tried += end.call is not None
            if fault == "error=ENOSPC" and not end.only_its_answer:
                assert end.status in (0, _INFRASTRUCTURE), (end.call, end.answer)
    assert tried
    # Nothing is in the way, and nothing stays: not of any of those that were killed.
    release.publish(packages.make(kind, "2.0"), retention=0)
    root = Folder(release.root)
    with trusting(release.root / "key.asc") as trust:
        report = audit(root, trust, chain_of(root, None, None), datetime.now(UTC))
    assert (report.files, report.findings) == (2, [])
    for hidden in (".partial", ".stage"):
        assert list((release.root / hidden).iterdir()) == []


def _arguments(
    release: ReleaseRepository, act: str, folder: Path, oldest: str
) -> Sequence[str | Path]:
    match act:
        case "stage":
            return release.stage_arguments(folder)
        case "rollback":
            return release.arguments("rollback", "--to", oldest)
        case "refresh":
            return release.arguments("refresh")
    staged = release.stage(folder)
    return release.commit_arguments(staged["stage"], release.sign(staged))


@contextmanager
def _reading(reader: Client) -> Iterator[None]:
    """A client reads all the time, and must never fail."""
    done = Event()

    def read() -> None:
        while not done.is_set():
            reader.update()
            assert reader.download("demo")

    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(read)
        try:
            yield
        finally:
            done.set()
        reading.result(_SECONDS)
