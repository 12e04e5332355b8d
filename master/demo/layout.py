"""Where everything of a demonstration lies, which user owns it and on which ports it listens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from master.demo.processes import free_ports

if TYPE_CHECKING:
    from pathlib import Path

MASTER = "lockgate"
GERRIT = "lockgate-gerrit"
BUILDER = "lockgate-builder"
REPOSITORY = "lockgate-repository"
SIGNER = "lockgate-signer"
TESTER = "lockgate-tester"
MIRROR = "lockgate-mirror"

USERS = (MASTER, GERRIT, BUILDER, REPOSITORY, SIGNER, TESTER, MIRROR)

WORKERS = {"builder-1": BUILDER, "repository-1": REPOSITORY, "signer-1": SIGNER, "tester-1": TESTER}
MIRRORS = ("near", "far")
RELEASE = "main"
CODENAME = "bookworm"


@dataclass(frozen=True)
class Ports:
    """Loopback ports of the servers."""

    gerrit_http: int
    gerrit_ssh: int
    web: int
    worker: int
    repositories: int
    mirrors: int
    rsync: int

    @classmethod
    def choose(cls) -> Ports:
        """Ports that are free now."""
        with free_ports(7) as ports:
            return cls(*ports)


@dataclass(frozen=True)
class Layout:
    """Folders below the one data folder; ``cache`` is kept from one demonstration to the next."""

    data: Path

    @property
    def cache(self) -> Path:
        return self.data / "cache"

    @property
    def first_run(self) -> Path:
        """How long the demonstration took that filled the cache."""
        return self.cache / "first-run.json"

    @property
    def run(self) -> Path:
        """Everything made anew by each demonstration."""
        return self.data / "run"

    @property
    def ready(self) -> Path:
        """Written when everything runs: addresses and logins."""
        return self.run / "ready.json"

    @property
    def logs(self) -> Path:
        return self.run / "logs"

    @property
    def gerrit(self) -> Path:
        return self.run / "gerrit"

    @property
    def master(self) -> Path:
        return self.run / "master"

    @property
    def secrets(self) -> Path:
        return self.master / "secrets"

    @property
    def site_file(self) -> Path:
        return self.master / "site.toml"

    @property
    def served(self) -> Path:
        """What the repository server shows: artifacts, test and release repositories."""
        return self.run / "served"

    @property
    def mirrors(self) -> Path:
        return self.run / "mirrors"

    @property
    def rsync(self) -> Path:
        """The rsync daemon's own files."""
        return self.run / "rsync"

    @property
    def keys(self) -> Path:
        """Public keys, for the clients."""
        return self.served / "keys"

    @property
    def people(self) -> Path:
        """Working copies of the people in the demonstration."""
        return self.run / "people"

    def worker(self, name: str) -> Path:
        return self.run / "workers" / name

    def roots(self, user: str) -> Path:
        return self.cache / "roots" / user

    def signing_home(self, worker: str) -> Path:
        return self.worker(worker) / "gnupg"
