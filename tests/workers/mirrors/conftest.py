"""A release repository, and a mirror of it behind a real rsync daemon and a web server."""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from master.demo.processes import free_ports
from tests.workers.processes import wait_until
from tests.workers.repository.conftest import (
    Served,
    package_format,
    packages,
    release,
    served,
    served_folder,
    signer,
)
from tests.workers.repository.programs import Outcome, program, start, succeeded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.workers.repository.clients import Client
    from tests.workers.repository.programs import ReleaseRepository

__all__ = ["package_format", "packages", "release", "served", "served_folder", "signer"]

_SECONDS = 15
_CONFIGURATION = """\
use chroot = no
munge symlinks = no
uid = root
gid = root
log file = {folder}/daemon.log
[mirrors]
path = {path}
read only = no
auth users = syncer
secrets file = {folder}/secrets
"""


@dataclass(frozen=True)
class Daemon:
    """An rsync daemon; its module is the folder that is served."""

    port: int
    folder: Path

    def start(self) -> subprocess.Popen[bytes]:
        """Start it, and wait until it listens."""
        process = subprocess.Popen(
            [
                *("rsync", "--daemon", "--no-detach", "--address", "127.0.0.1"),
                *("--port", str(self.port), "--config", self.folder / "rsyncd.conf"),
            ]
        )
        wait_until(lambda: _listens(self.port), "the rsync daemon")
        return process

    @property
    def log(self) -> str:
        """What it did."""
        return (self.folder / "daemon.log").read_text()


@dataclass(frozen=True)
class Mirror:
    """A mirror of the release repository, at ``/mirror`` of the web server."""

    repository: ReleaseRepository
    daemon: Daemon
    served: Served

    @property
    def root(self) -> Path:
        """Its files."""
        return self.served.folder / "mirror"

    @property
    def url(self) -> str:
        """Where its clients read."""
        return f"{self.served.url}/mirror"

    def as_repository(self) -> ReleaseRepository:
        """Its files, to be looked at as those of the repository are."""
        return replace(self.repository, root=self.root)

    @property
    def memory(self) -> Path:
        """What is kept about it at the repository."""
        (path,) = (self.repository.root / ".mirrors").glob("*.json")
        return path

    def hidden(self) -> list[Path]:
        """Files it has that no client may ask for."""
        return [path for path in self.root.rglob("*") if path.name.startswith(".")]

    def arguments(
        self, *more: str | Path, port: int | None = None, url: str | None = None
    ) -> list[str | Path]:
        """The program that brings it up to date."""
        to = f"rsync://syncer@127.0.0.1:{port or self.daemon.port}/mirrors/mirror"
        return [
            *("mirror", "sync", "--format", self.repository.package_format),
            *("--repository", self.repository.root, "--to", to, "--url", url or self.url),
            *("--password-file", self.daemon.folder / "password", *more),
        ]

    def sync(self, *more: str | Path, **where: Any) -> dict[str, Any]:
        """Bring it up to date; that must succeed."""
        return succeeded(self.try_sync(*more, **where))

    def try_sync(self, *more: str | Path, **where: Any) -> Outcome:
        """Try to."""
        return program(*self.arguments(*more, **where))

    def start_sync(self, *more: str | Path) -> subprocess.Popen[str]:
        """Begin to."""
        return start(*self.arguments(*more))

    def client(self) -> Client:
        """A client that trusts the repository's key."""
        kind = self.repository.package_format
        return self.served.client(kind, "mirror", self.repository.root / "key.asc")

    def files(self) -> dict[str, bytes | str]:
        """All it has, by path."""
        return files_below(self.root)

    def is_exact(self) -> bool:
        """Whether it has just what the repository shows."""
        return self.files() == files_below(self.repository.root)


def files_below(root: Path) -> dict[str, bytes | str]:
    """Contents of files, or targets of links, by path; hidden ones are left out."""
    found: dict[str, bytes | str] = {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if any(part.startswith(".") for part in name.split("/")):
            continue
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


@pytest.fixture
def daemon(tmp_path: Path, served_folder: Path) -> Daemon:
    """A daemon that has not been started."""
    folder = tmp_path / "daemon"
    folder.mkdir()
    password = secrets.token_urlsafe(12)
    for name, text in (("password", password), ("secrets", f"syncer:{password}\n")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    configuration = _CONFIGURATION.format(folder=folder, path=served_folder)
    (folder / "rsyncd.conf").write_text(configuration)
    with free_ports(1) as (port,):
        pass
    return Daemon(port, folder)


@pytest.fixture
def running(daemon: Daemon) -> Iterator[Daemon]:
    """The daemon while it runs."""
    process = daemon.start()
    yield daemon
    process.terminate()
    process.wait(_SECONDS)


@pytest.fixture
def mirror(release: ReleaseRepository, running: Daemon, served: Served) -> Mirror:
    """A mirror that has never been synchronised, of a repository never published."""
    assert shutil.which("rsync")
    return Mirror(release, running, served)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
