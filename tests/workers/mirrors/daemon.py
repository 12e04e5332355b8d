"""A real rsync daemon in front of a folder."""

from __future__ import annotations

import secrets
import socket
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from master.demo.processes import free_ports
from tests.workers.processes import wait_until

if TYPE_CHECKING:
    from pathlib import Path

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

    @classmethod
    def make(cls, folder: Path, served: Path) -> Self:
        """Configure one, with a user and a password; it is not started."""
        folder.mkdir()
        password = secrets.token_urlsafe(12)
        for name, text in (("password", password), ("secrets", f"syncer:{password}\n")):
            (folder / name).write_text(text)
            (folder / name).chmod(0o600)
        configuration = _CONFIGURATION.format(folder=folder, path=served)
        with free_ports(1) as (port,):
            pass
        made = cls(port, folder)
        made.configuration.write_text(configuration)
        return made

    @property
    def configuration(self) -> Path:
        """Its rsyncd.conf(5)."""
        return self.folder / "rsyncd.conf"

    def start(self) -> subprocess.Popen[bytes]:
        """Start it, and wait until it listens."""
        process = subprocess.Popen(
            [
                *("rsync", "--daemon", "--no-detach", "--address", "127.0.0.1"),
                *("--port", str(self.port), "--config", self.configuration),
            ]
        )
        wait_until(lambda: _listens(self.port), "the rsync daemon")
        return process

    @property
    def log(self) -> str:
        """What it did."""
        return (self.folder / "daemon.log").read_text()


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
