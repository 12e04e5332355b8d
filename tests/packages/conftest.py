"""Fixtures of the tests with real packages: a release repository of each format, and sources."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from master.demo.upstream import unpacked_sources
from tests.packages.chain import Chain
from tests.packages.debs import Debs
from tests.packages.rpms import Rpms
from tests.packages.table import SOURCE_PACKAGES, WRITTEN
from tests.workers.build.repositories import served
from tests.workers.conftest import (
    deb_build_root,
    deb_install_root,
    rpm_build_root,
    worker,
)
from tests.workers.repository.programs import Signer, end_agent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.workers.as_user import Worker

# The worker and its root images are those of the workers' own tests.
__all__ = ["deb_build_root", "deb_install_root", "rpm_build_root", "worker"]


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signer]:
    """The signer of the release repositories."""
    home = tmp_path_factory.mktemp("signer") / "home"
    yield Signer.make(home)
    for folder in (home, home.with_name("of-tests")):
        end_agent(folder)


@pytest.fixture(scope="session")
def served_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The folder of all repositories and its address."""
    folder = tmp_path_factory.mktemp("served")
    with served(folder) as url:
        yield folder, url


@pytest.fixture(scope="session")
def sources(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Unpacked sources of the packages that this run asks for, fetched together."""
    asked = [
        name
        for name, package in SOURCE_PACKAGES.items()
        if any(f"[{name}]" in item.name for item in request.session.items)
    ]
    needed = {need for name in asked for need in SOURCE_PACKAGES[name].needs}
    state = os.environ.get("STATE")
    cache = Path(state) / "test-sources" if state else tmp_path_factory.mktemp("sources")
    wanted = sorted({*asked, *needed})
    written = [name for name in wanted if SOURCE_PACKAGES[name].written]
    fetched = unpacked_sources([name for name in wanted if name not in written], cache)
    return fetched | {name: WRITTEN / name for name in written}


@pytest.fixture(scope="session")
def debs(
    worker: Worker,
    signer: Signer,
    served_at: tuple[Path, str],
    sources: dict[str, Path],
) -> Debs:
    """Real DEB packages, built and published once."""
    return Debs(Chain("deb", worker, signer, *served_at), sources)


@pytest.fixture(scope="session")
def rpms(worker: Worker, signer: Signer, served_at: tuple[Path, str]) -> Rpms:
    """RPM packages, built and published once."""
    return Rpms(Chain("rpm", worker, signer, *served_at))
