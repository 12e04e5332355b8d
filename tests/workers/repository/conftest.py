"""Fixtures of the repository tests: a signer, packages, a web server and its clients."""

from __future__ import annotations

import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from master.demo.processes import free_ports
from tests.workers.processes import wait_until
from tests.workers.repository.clients import Client, client
from tests.workers.repository.programs import (
    CODENAME,
    FORMATS,
    Format,
    Packages,
    ReleaseRepository,
    Signer,
    end_agent,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHECKOUT = Path(__file__).parents[3]
_STOP_SECONDS = 15


@dataclass(frozen=True)
class Served:
    """A folder and the address it is served at."""

    folder: Path
    url: str
    clients: Path

    def client(
        self, package_format: Format, path: str, key: Path | None, suite: str = CODENAME
    ) -> Client:
        """A package manager that reads the repository at a path and trusts a key."""
        number = sum(1 for _ in self.clients.iterdir())
        state = self.clients / str(number)
        return client(package_format, state, f"{self.url}/{path}", key, suite)


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
    clients = tmp_path / "clients"
    clients.mkdir()
    with free_ports(1) as (port,):
        pass
    with (tmp_path / "serve.log").open("wb") as log:
        command = ["serve", "--root", str(served_folder), "--port", str(port)]
        process = subprocess.Popen(
            [sys.executable, "-m", "workers.cli", *command],
            cwd=_CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            wait_until(lambda: _answers(port), "the web server")
            yield Served(served_folder, f"http://127.0.0.1:{port}", clients)
        finally:
            process.terminate()
            process.wait(_STOP_SECONDS)


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


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
