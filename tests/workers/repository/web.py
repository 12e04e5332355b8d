"""A web server of repositories, and the clients that read them."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from master.demo.processes import free_ports
from tests.workers.processes import wait_until
from tests.workers.repository.clients import Client, client
from tests.workers.repository.programs import CODENAME, Format

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


@contextmanager
def serving(folder: Path, scratch: Path) -> Iterator[Served]:
    """Serve a folder by ``lockgate-worker serve``; its log and its clients are in ``scratch``."""
    clients = scratch / "clients"
    clients.mkdir()
    with free_ports(1) as (port,):
        pass
    with (scratch / "serve.log").open("wb") as log:
        command = ["serve", "--root", str(folder), "--port", str(port)]
        process = subprocess.Popen(
            [sys.executable, "-m", "workers.cli", *command],
            cwd=_CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            wait_until(lambda: _answers(port), "the web server")
            yield Served(folder, f"http://127.0.0.1:{port}", clients)
        finally:
            process.terminate()
            process.wait(_STOP_SECONDS)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
