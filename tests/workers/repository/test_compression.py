"""RPM metadata in zstd, and an operator who changes their mind about it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import createrepo_c as cr
import pytest

from tests.workers.repository.clients import Dnf
from tests.workers.repository.generations import audited, commit_point, files_of, published

if TYPE_CHECKING:
    from tests.workers.repository.clients import Client
    from tests.workers.repository.programs import Packages, ReleaseRepository
    from tests.workers.repository.web import Served
    from workers.repository.rpm import Compression

pytestmark = pytest.mark.parametrize("package_format", ["rpm"])


def _encodings(release: ReleaseRepository) -> set[str]:
    """Endings of the files that the commit point leads to, and of those with plain names."""
    records = cr.Repomd(str(commit_point(release))).records
    names = {record.location_href for record in records}
    # Others are named by hash too, and there for clients of older generations.
    names |= {path.name for path in release.root.glob("repodata/*.xml.*z*") if "-" not in path.name}
    return {name.rpartition(".")[2] for name in names}


def test_dnf_reads_zstd(
    served: Served, release: ReleaseRepository, reader: Client, packages: Packages
) -> None:
    release = replace(release, compression="zst")
    first = release.publish(packages.make("rpm", "1.0"))["generation"]
    release.publish(packages.make("rpm", "1.1"))
    release.refresh()
    assert _encodings(release) == {"zst"}
    reader.update()
    assert reader.versions("demo") == {"1.0", "1.1"}
    assert isinstance(reader, Dnf)
    reader.install("demo")
    key = release.root / "key.asc"
    older = served.client("rpm", f"release/snapshots/{first}", key)
    older.update()
    assert older.versions("demo") == {"1.0"}
    release.rollback(first)
    reader.update()
    assert reader.versions("demo") == {"1.0"}


@pytest.mark.parametrize(("before", "after"), [("gz", "zst"), ("zst", "gz")])
def test_a_repository_is_written_anew_when_that_changes(
    release: ReleaseRepository,
    reader: Client,
    packages: Packages,
    before: Compression,
    after: Compression,
) -> None:
    release = replace(release, compression=before)
    first = release.publish(packages.make("rpm", "1.0"))["generation"]
    release.publish(packages.make("rpm", "1.0", name="other"))
    release = replace(release, compression=after)
    release.refresh()
    assert _encodings(release) == {after}
    release.publish(packages.make("rpm", "1.1"))
    assert _encodings(release) == {after}
    reader.update()
    assert reader.versions("demo") == {"1.0", "1.1"}
    assert reader.versions("other") == {"1.0"}
    # What is gone back to is what was listed, not how.
    release.rollback(first)
    assert _encodings(release) == {after}
    assert files_of(release, published(release))
    reader.update()
    assert reader.versions("demo") == {"1.0"}
    assert reader.versions("other") == set()
    assert audited(release).findings == []
