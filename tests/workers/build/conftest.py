"""What tests of builds share: a release repository that packages are built with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.packages.chain import Chain
from tests.workers.build.repositories import served
from tests.workers.repository.programs import Signer, end_agent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.workers.as_user import Worker


@pytest.fixture(scope="module")
def served_at(worker: Worker) -> Iterator[tuple[Path, str]]:
    """A served folder and its address."""
    folder = worker.folder("served")
    with served(folder) as url:
        yield folder, url


@pytest.fixture(scope="module")
def chain(
    worker: Worker,
    deb_build_root: Path,
    served_at: tuple[Path, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Chain]:
    """A release repository of DEB packages."""
    home = tmp_path_factory.mktemp("signer") / "home"
    yield Chain("deb", worker, Signer.make(home), *served_at)
    for each in (home, home.with_name("of-tests")):
        end_agent(each)
