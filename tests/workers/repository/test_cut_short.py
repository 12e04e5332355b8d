"""Commits that are killed at the moments that matter most, and what is made of it afterwards."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.workers.repository.faults import moments_of, run_traced
from tests.workers.repository.generations import audited, commit_point, published
from tests.workers.repository.programs import LONG, program, refused, succeeded

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workers.repository.programs import Packages, ReleaseRepository

_VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4", "1.5")


def test_what_lies_beside_the_commit_point_is_set_right(
    release: ReleaseRepository, packages: Packages, tmp_path: Path
) -> None:
    """Clients that do not ask by hash, and those that read the pair, need it to belong to it."""
    before = _cut_short(release, packages, tmp_path, _commit_call(release))
    assert published(release) == before
    assert audited(release).findings
    succeeded(program(*release.arguments("refresh", *release.metadata)))
    assert audited(release).findings == []


def test_what_was_committed_is_remembered(
    release: ReleaseRepository, packages: Packages, tmp_path: Path
) -> None:
    kind = release.package_format
    before = _cut_short(release, packages, tmp_path, _commit_call(release), after=1)
    assert published(release) != before
    assert "1.5" not in (release.root / ".ledger/demo").read_text()
    other = packages.make(kind, "1.5", text="something else")
    assert "already published with other content" in refused(release.accepts(other), 1)
    release.publish(packages.make(kind, "1.0", name="other"), retention=0)
    assert "1.5" in (release.root / ".ledger/demo").read_text()
    assert audited(release).findings == []


@pytest.mark.parametrize(
    "call", [r'^rename\(.*/\.generations/log"\)', r"^unlink\(.*/\.generations/"]
)
def test_cleaning_goes_on_after_it(
    release: ReleaseRepository, packages: Packages, tmp_path: Path, call: str
) -> None:
    before = _cut_short(release, packages, tmp_path, call, retention=0)
    assert published(release) != before
    release.publish(packages.make(release.package_format, "2.0"), retention=0)
    assert len(list((release.root / ".generations").glob("*.json"))) == 1
    assert audited(release).findings == []


def _commit_call(release: ReleaseRepository) -> str:
    return rf'^rename\(.*"{commit_point(release)}"\)'


def _cut_short(
    release: ReleaseRepository,
    packages: Packages,
    scratch: Path,
    call: str,
    *,
    after: int = 0,
    retention: float = LONG,
) -> bytes:
    """Kill the commit of the last version at the last call like this, or so many after it.

    Answers what was published before. The commit of an earlier version tells when that is.
    """
    *first, rehearsal, between, last = packages.series(release.package_format, [*_VERSIONS])
    for number, folder in enumerate(first):
        # Both commits meet a repository of the same past.
        release.publish(folder, retention if number == 1 else LONG)
    whole = run_traced(_commit(release, rehearsal, retention), "signal=KILL", None, scratch)
    assert whole.status == 0, whole.answer
    number = max(n for n, line in enumerate(whole.calls) if re.search(call, line)) + after
    release.publish(between)
    before = published(release)
    moment = moments_of(whole)[number]
    end = run_traced(_commit(release, last, retention), "signal=KILL", moment, scratch)
    assert end.call is not None
    assert after or re.search(call, end.call), end.call
    return before


def _commit(release: ReleaseRepository, folder: Path, retention: float) -> list[str | Path]:
    staged = release.stage(folder)
    return release.commit_arguments(staged["stage"], release.sign(staged), retention)
