"""Where a mirror is written: an rsync daemon's module, or a folder behind ssh."""

from __future__ import annotations

import re
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from workers.names import file_name
from workers.outcome import BadRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_USER = re.compile(r"[a-z_][a-z0-9_-]*")
_SSH_PORT = 22
# One that is down shall be known to be soon: it is tried again later.
_CONNECT_SECONDS = 10
# No host is trusted that the operator did not name, and nobody is asked for anything.
_SSH_CONFIGURATION = """\
Host *
  BatchMode yes
  PreferredAuthentications publickey
  StrictHostKeyChecking yes
  UserKnownHostsFile "{known_hosts}"
  GlobalKnownHostsFile /dev/null
  UpdateHostKeys no
  IdentityFile "{identity}"
  IdentitiesOnly yes
  IdentityAgent none
  LogLevel ERROR
  Port {port}
  ConnectTimeout {seconds}
  ServerAliveInterval 20
  ServerAliveCountMax 3
"""


@dataclass(frozen=True)
class Daemon:
    """An rsync daemon (rsyncd.conf(5))."""

    destination: str
    password_file: Path

    @property
    def address(self) -> str:
        """Unlike that of any other mirror."""
        return self.destination

    @contextmanager
    def options(self) -> Iterator[list[str]]:
        """What rsync(1) must be told to get there."""
        yield [f"--password-file={self.password_file}", f"--contimeout={_CONNECT_SECONDS}"]


@dataclass(frozen=True)
class Ssh:
    """A folder on a host reached by ssh_config(5) of our own making."""

    destination: str
    port: int
    identity_file: Path
    known_hosts: Path

    @property
    def address(self) -> str:
        """Unlike that of any other mirror."""
        return f"{self.destination}:{self.port}"

    @contextmanager
    def options(self) -> Iterator[list[str]]:
        """What rsync(1) must be told to get there."""
        with tempfile.TemporaryDirectory(prefix="lockgate-ssh-") as folder:
            configuration = Path(folder) / "config"
            configuration.write_text(
                _SSH_CONFIGURATION.format(
                    known_hosts=self.known_hosts,
                    identity=self.identity_file,
                    port=self.port,
                    seconds=_CONNECT_SECONDS,
                ),
                encoding="utf-8",
            )
            # rsync(1) takes it apart at blanks that are not quoted.
            yield [f"--rsh=ssh -F '{configuration}'"]


Target = Daemon | Ssh


def read_target(
    url: str, password_file: Path | None, identity_file: Path | None, known_hosts: Path | None
) -> Target:
    """The target of an address; BadRequest for a wrong one, or files that do not belong to it."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise BadRequest(f"--to {url[:200]!a}: {error}") from error
    if parts.query or parts.fragment:
        raise BadRequest(f"--to {url[:200]!a}: nothing may follow the path")
    path = "/".join(file_name(part) for part in parts.path.strip("/").split("/"))
    for file in (password_file, identity_file, known_hosts):
        if file is not None and not file.is_file():
            raise BadRequest(f"there is no file {file}")
    match parts.scheme:
        case "rsync":
            if password_file is None or identity_file or known_hosts:
                raise BadRequest("an rsync:// mirror needs --password-file and nothing of ssh")
            return Daemon(f"rsync://{_host(parts)}/{path}", password_file)
        case "ssh":
            if identity_file is None or known_hosts is None or password_file:
                raise BadRequest(
                    "an ssh:// mirror needs --identity-file and --known-hosts, and no password"
                )
            for file in (identity_file, known_hosts):
                if not re.fullmatch(r"[^\"\s%]+", str(file.absolute())):
                    raise BadRequest(f"{file}: ssh cannot take a path with blanks, quotes or %")
            host = _host(parts, port=False)
            where = parts.port or _SSH_PORT
            return Ssh(f"{host}:/{path}", where, identity_file.absolute(), known_hosts.absolute())
    raise BadRequest(
        f"--to is rsync://USER@HOST/MODULE/PATH or ssh://USER@HOST/PATH, not {url[:200]!a}"
    )


def _host(parts: SplitResult, *, port: bool = True) -> str:
    try:
        number = parts.port
    except ValueError as error:
        raise BadRequest(f"--to: {error}") from error
    if _HOST.fullmatch(parts.hostname or "") is None or parts.password:
        raise BadRequest("--to names a host by its name or IPv4 address, and no password")
    if _USER.fullmatch(parts.username or "") is None:
        raise BadRequest("--to names the user to log in as: rsync://USER@HOST/... or ssh://...")
    end = f":{number}" if port and number else ""
    return f"{parts.username}@{parts.hostname}{end}"
