"""Several publish at once: each ends up published, after being told to stage again if need be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.workers.repository.programs import refused

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workers.repository.clients import Client
    from tests.workers.repository.programs import Packages, ReleaseRepository

_PUBLISHERS = ("one", "two")
_VERSIONS = ("1.0", "1.1", "1.2")
_ATTEMPTS = 20
_SECONDS = 240


def test_two_publishers_lose_nothing(
    release: ReleaseRepository, reader: Client, packages: Packages
) -> None:
    kind = release.package_format
    folders = {name: packages.series(kind, [*_VERSIONS], name=name) for name in _PUBLISHERS}
    with ThreadPoolExecutor(len(folders)) as threads:
        publishing = [
            threads.submit(_publish_all, replace(release, scratch=release.scratch / name), of_name)
            for name, of_name in folders.items()
        ]
        for each in publishing:
            each.result(_SECONDS)
    reader.update()
    for name in _PUBLISHERS:
        assert reader.versions(name) == {"1.1", "1.2"}
        assert reader.download(name)


def _publish_all(release: ReleaseRepository, folders: list[Path]) -> None:
    for folder in folders:
        assert any(_published(release, folder) for _ in range(_ATTEMPTS))


def _published(release: ReleaseRepository, folder: Path) -> bool:
    """Whether a publish got through; if not, it is told that another one did meanwhile."""
    staged = release.stage(folder)
    signed = release.scratch / staged["stage"]
    outcome = release.try_sign(staged, signed)
    if outcome.status != 0:
        assert "signed before" in refused(outcome, 2)
        return False
    outcome = release.commit(staged, signed)
    if outcome.status != 0:
        assert "was published meanwhile; stage again" in refused(outcome, 75)
        return False
    assert outcome.answer["added"]
    return True
