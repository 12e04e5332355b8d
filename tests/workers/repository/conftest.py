"""Fixtures of the repository tests: a signer, packages, a web server and its clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.workers.repository.programs import (
    FORMATS,
    Format,
    Packages,
    ReleaseRepository,
    Signer,
    end_agent,
)
from tests.workers.repository.web import Served, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.workers.repository.clients import Client


@pytest.fixture(scope="package")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signer]:
    """The signer, whose keys are made once."""
    home = tmp_path_factory.mktemp("signer") / "home"
    yield Signer.make(home)
    end_agent(home)


@pytest.fixture(scope="package")
def packages(tmp_path_factory: pytest.TempPathFactory, signer: Signer) -> Packages:
    """Maker of packages."""
    return Packages(tmp_path_factory.mktemp("packages"), signer)


@pytest.fixture(scope="package")
def foreign_signer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signer]:
    """A stranger with keys of their own."""
    home = tmp_path_factory.mktemp("stranger") / "home"
    yield Signer.make(home)
    end_agent(home)


@pytest.fixture(scope="package")
def foreign_key(foreign_signer: Signer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stranger's public key."""
    key = tmp_path_factory.mktemp("foreign") / "key.asc"
    key.write_text(foreign_signer.public_keys["deb"])
    return key


@pytest.fixture
def served_folder(tmp_path: Path) -> Path:
    """Where repositories are made; a module may put it on a disk of its own."""
    folder = tmp_path / "served"
    folder.mkdir()
    return folder


@pytest.fixture
def served(tmp_path: Path, served_folder: Path) -> Iterator[Served]:
    """A folder served by ``lockgate-worker serve``."""
    with serving(served_folder, tmp_path) as made:
        yield made


@pytest.fixture(params=FORMATS)
def package_format(request: pytest.FixtureRequest) -> Format:
    """Each format in turn."""
    chosen: Format = request.param
    return chosen


@pytest.fixture
def release(
    served_folder: Path, package_format: Format, signer: Signer, tmp_path: Path
) -> ReleaseRepository:
    """An empty release repository at ``/release``, with the operator's key in place."""
    root = served_folder / "release"
    root.mkdir()
    (root / "key.asc").write_text(signer.public_keys[package_format])
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return ReleaseRepository(root, package_format, signer, scratch)


@pytest.fixture
def reader(served: Served, release: ReleaseRepository) -> Client:
    """A client of the release repository that trusts its key alone."""
    return served.client(release.package_format, "release", release.root / "key.asc")
