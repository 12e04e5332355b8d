"""A release repository, and a mirror of it behind a real rsync daemon and a web server."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.workers.mirrors.daemon import Daemon
from tests.workers.repository.conftest import (
    package_format,
    packages,
    release,
    served,
    served_folder,
    signer,
)
from tests.workers.repository.programs import Outcome, program, start, succeeded
from workers.mirrors.listing import NEXT

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.workers.repository.clients import Client
    from tests.workers.repository.programs import ReleaseRepository
    from tests.workers.repository.web import Served

__all__ = ["package_format", "packages", "release", "served", "served_folder", "signer"]

_SECONDS = 15


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
        """Hidden files it has, but for those that the next sync begins with."""
        hidden = (path for path in self.root.rglob(".*") if path != self.root / NEXT)
        return list(hidden)

    def arguments(
        self, *more: str | Path, port: int | None = None, url: str | None = None
    ) -> list[str | Path]:
        """The program that brings it up to date."""
        to = f"rsync://syncer@127.0.0.1:{port or self.daemon.port}/mirrors/mirror"
        return [
            *("mirror", "sync", "--repository", self.repository.root, "--to", to),
            *("--url", url or self.url, "--password-file", self.daemon.folder / "password"),
            *("--report", self.report, *more),
        ]

    @property
    def report(self) -> Path:
        """Folder of what the last sync reported."""
        return self.daemon.folder / "report"

    def reported(self) -> dict[str, Any]:
        """The same, read."""
        told: dict[str, Any] = json.loads((self.report / "sync.json").read_bytes())
        return told

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
    return Daemon.make(tmp_path / "daemon", served_folder)


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
