"""Whatever system call a publishing program is killed at, or finds the disk full at: what clients
see is the old generation or the new one, they see no error, and the next publish just works.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from threading import Event
from typing import TYPE_CHECKING, get_args

import pytest

from tests.workers.repository.faults import Fault, moments_of, run_traced
from tests.workers.repository.generations import audited, files_of, published
from tests.workers.repository.programs import LONG

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.workers.repository.clients import Client
    from tests.workers.repository.programs import Packages, ReleaseRepository

_SECONDS = 120
_INFRASTRUCTURE = 75
_COMMITS = {"commit": LONG, "prune": 0.0}
"""How long they let stay what they replace."""
# All calls are tried by `make test-faults`; of each so many one in each run of the tests.
_SAMPLES = {"stage": 9, "commit": 9, "prune": 19, "refresh": 9, "rollback": 9}
_STEPS = [pytest.param(act, 1, marks=pytest.mark.faults) for act in _SAMPLES]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("fault", get_args(Fault))
@pytest.mark.parametrize(("act", "step"), [*_STEPS, *_SAMPLES.items()])
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
    # What is not retained at all may go while a client reads.
    with nullcontext() if act == "prune" else _reading(reader):
        whole = run_traced(
            _arguments(release, act, packages.make(kind, "1.2"), oldest), fault, None, tmp_path
        )
        assert whole.status == 0, whole.answer
        for moment in moments_of(whole)[::step]:
            before = published(release)
            folder = packages.make(kind, f"1.{3 + committed}")
            arguments = _arguments(release, act, folder, oldest)
            end = run_traced(arguments, fault, moment, tmp_path)
            is_new = published(release) != before
            assert files_of(release, published(release))
            assert (act == "prune" and is_new) or files_of(release, before)
            committed += is_new
            assert act in _COMMITS or not committed
            tried += end.call is not None
            if fault == "error=ENOSPC" and not end.only_its_answer:
                assert end.status in (0, _INFRASTRUCTURE), (end.call, end.answer)
    assert tried
    # Nothing is in the way, and nothing stays: not of any of those that were killed.
    release.publish(packages.make(kind, "2.0"), retention=0)
    report = audited(release)
    assert (report.files, report.findings) == (2, [])
    for hidden in (".partial", ".stage"):
        assert list((release.root / hidden).iterdir()) == []
    assert len(list((release.root / ".generations").glob("*.json"))) == 1


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
    return release.commit_arguments(staged["stage"], release.sign(staged), _COMMITS[act])


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
