"""RPM metadata in another compression: published, changed to and from, gone back to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.workers.repository.programs import ReleaseRepository, program, succeeded

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workers.repository.clients import Client
    from tests.workers.repository.programs import Packages


@dataclass(frozen=True)
class _Compressed(ReleaseRepository):
    compression: str = "zst"

    def stage_arguments(self, packages: Path) -> list[str | Path]:
        return [*super().stage_arguments(packages), "--compression", self.compression]


@pytest.fixture
def package_format() -> str:
    """The one that has a choice."""
    return "rpm"


@pytest.mark.parametrize("order", [("zst",), ("gz", "zst"), ("zst", "gz")])
def test_metadata_is_written_as_the_site_file_says_by_now(
    release: ReleaseRepository, reader: Client, packages: Packages, order: tuple[str, ...]
) -> None:
    names, generations = [], []
    for number, compression in enumerate(order):
        names.append(f"demo{number}")
        repository = _Compressed(
            release.root, "rpm", release.signer, release.scratch, compression=compression
        )
        done = repository.publish(packages.make("rpm", "1.0", name=names[-1]))
        generations.append(done["generation"])
        reader.update()
        assert [reader.versions(name) for name in names] == [{"1.0"}] * len(names)
        assert reader.download(names[0])
        assert (release.root / f"repodata/primary.xml.{compression}").exists()
    back = succeeded(program(*release.arguments("rollback", "--to", generations[0])))
    succeeded(release.commit(back, release.sign(back)))
    reader.update()
    assert [reader.versions(name) for name in names] == [{"1.0"}, *[set()] * (len(names) - 1)]
