"""What APT clients alone look at: dates, and what Contents tells of each package."""

from __future__ import annotations

import gzip
import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest
from debian.deb822 import Release

from tests.workers.repository.generations import published
from tests.workers.repository.programs import end_agent

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workers.repository.clients import Client
    from tests.workers.repository.programs import Packages, ReleaseRepository

pytestmark = pytest.mark.parametrize("package_format", ["deb"])

_STAMP = "%Y%m%dT%H%M%S.%fZ"


def test_a_clock_that_was_ahead_does_not_lock_clients_out(
    release: ReleaseRepository, reader: Client, packages: Packages, tmp_path: Path
) -> None:
    # Signers remember the newest generation.
    home = shutil.copytree(
        release.signer.home, tmp_path / "home", ignore=shutil.ignore_patterns("S.*")
    )
    release = replace(release, signer=replace(release.signer, home=home))
    try:
        _clock_was_ahead(release, packages)
    finally:
        end_agent(home)
    reader.update()
    assert reader.versions("demo") == {"1.0", "1.1"}


def _clock_was_ahead(release: ReleaseRepository, packages: Packages) -> None:
    before = release.publish(packages.make("deb", "1.0"))["generation"]
    ahead = (datetime.now(UTC) + timedelta(minutes=30)).strftime(_STAMP)
    for path in (release.root / ".generations").iterdir():
        path.write_text(path.read_text().replace(before, ahead))
    after = release.publish(packages.make("deb", "1.1"))["generation"]
    assert after > ahead
    told = parsedate_to_datetime(Release(published(release))["Date"])
    assert abs(told.timestamp() - time.time()) < 600


def test_contents_are_those_of_the_newest_version(
    release: ReleaseRepository, packages: Packages
) -> None:
    release.publish(packages.make("deb", "1.0"))
    release.publish(packages.make("deb", "2.0", native=True))
    assert _contents(release) == {"usr/share/demo/2.0": "unknown/demo"}
    # Its neighbours are read back and written again.
    release.publish(packages.make("deb", "1.0", name="demo-more"))
    assert _contents(release) == {
        "usr/share/demo/2.0": "unknown/demo",
        "usr/share/demo-more/1.0": "unknown/demo-more",
    }


def _contents(release: ReleaseRepository) -> dict[str, str]:
    (path,) = release.root.glob("dists/trixie/main/Contents-*.gz")
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    return dict(line.rsplit(maxsplit=1) for line in lines)
