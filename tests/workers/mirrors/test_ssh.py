"""Mirrors behind ssh: written with one key, and only to the host whose key is known."""

from __future__ import annotations

import getpass
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from master.demo.processes import free_ports
from tests.workers.mirrors.conftest import files_below
from tests.workers.mirrors.cutter import Cutter
from tests.workers.mirrors.reading import reading
from tests.workers.processes import wait_until
from tests.workers.repository.programs import Outcome, program, refused, succeeded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.workers.repository.programs import Packages, ReleaseRepository
    from tests.workers.repository.web import Served

_SECONDS = 15
_MOST_BYTES = (
    20_000  # of a connection that breaks; half of it is spent on getting to know each other
)
# More are made by `make test-faults`.
_SYNCS = [pytest.param(100, marks=pytest.mark.faults), 3]
_SSHD = "/usr/sbin/sshd"
_PRIVILEGE_SEPARATION = Path("/run/sshd")
_CONFIGURATION = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/client.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
"""


@dataclass(frozen=True)
class _SshMirror:
    """A mirror of the release repository in a folder behind ssh."""

    repository: ReleaseRepository
    served: Served
    folder: Path
    port: int

    @property
    def root(self) -> Path:
        """Its files."""
        return self.served.folder / "mirror"

    def sync(
        self,
        port: int | None = None,
        at: str | None = None,
        files: Mapping[str, Path] = MappingProxyType({}),
    ) -> Outcome:
        """Try to bring it up to date, in another way than the right one if told so."""
        to = f"ssh://{getpass.getuser()}@127.0.0.1:{port or self.port}{at or self.root}"
        return program(
            *("mirror", "sync", "--repository", self.repository.root),
            *("--to", to, "--url", f"{self.served.url}/mirror"),
            *("--identity-file", files.get("identity", self.folder / "client")),
            *("--known-hosts", files.get("known_hosts", self.folder / "known_hosts")),
        )


@pytest.fixture
def behind_ssh(release: ReleaseRepository, served: Served, tmp_path: Path) -> Iterator[_SshMirror]:
    """A mirror never synchronised, behind a real ssh daemon."""
    folder = tmp_path / "sshd"
    folder.mkdir()
    for name in ("host", "client", "stranger"):
        _make_key(folder / name)
    with free_ports(1) as (port,):
        pass
    host = (folder / "host.pub").read_text()
    # Whatever the port: connections may be made to take another way.
    (folder / "known_hosts").write_text(f"[127.0.0.1]:* {host}")
    configuration = folder / "sshd_config"
    configuration.write_text(_CONFIGURATION.format(folder=folder, port=port))
    _PRIVILEGE_SEPARATION.mkdir(exist_ok=True)
    process = subprocess.Popen([_SSHD, "-D", "-e", "-f", configuration], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _greets(port), "the ssh daemon")
        yield _SshMirror(release, served, folder, port)
    finally:
        process.terminate()
        process.wait(_SECONDS)


def test_a_mirror_behind_ssh_follows(behind_ssh: _SshMirror, packages: Packages) -> None:
    repository = behind_ssh.repository
    kind = repository.package_format
    for version in ("1.0", "1.1"):
        repository.publish(packages.make(kind, version))
        done = succeeded(behind_ssh.sync())
        assert done["packages_added"] == 1
    assert not done["full"]
    reader = behind_ssh.served.client(kind, "mirror", repository.root / "key.asc")
    reader.update()
    assert reader.versions("demo") == {"1.0", "1.1"}


@pytest.mark.parametrize("package_format", ["deb"])
@pytest.mark.parametrize(
    ("what", "told"),
    [("known_hosts", "Host key verification failed"), ("identity", "Permission denied")],
)
def test_strangers_are_refused(
    behind_ssh: _SshMirror, packages: Packages, what: str, told: str
) -> None:
    """A host with another key than the known one, and a key that the host does not take."""
    behind_ssh.repository.publish(packages.make("deb", "1.0"))
    folder = behind_ssh.folder
    other = (folder / "stranger.pub").read_text()
    (folder / "others").write_text(f"[127.0.0.1]:{behind_ssh.port} {other}")
    files = {"known_hosts": folder / "others", "identity": folder / "stranger"}
    assert told in refused(behind_ssh.sync(files={what: files[what]}), 75)
    assert not (behind_ssh.served.folder / "mirror").exists()


@pytest.mark.parametrize("package_format", ["deb"])
def test_a_key_that_may_write_the_mirror_only(behind_ssh: _SshMirror, packages: Packages) -> None:
    """As docs/how-to/run-mirrors.md restricts it."""
    mirror = behind_ssh.root
    key = behind_ssh.folder / "client.pub"
    key.write_text(f'restrict,command="rrsync -wo {mirror.parent}" {key.read_text()}')
    repository = behind_ssh.repository
    for version in ("1.0", "1.1"):
        repository.publish(packages.make("deb", version))
        succeeded(behind_ssh.sync(at="/mirror"))
    assert files_below(mirror) == files_below(repository.root)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("syncs", _SYNCS)
def test_clients_never_fail_while_connections_break(
    behind_ssh: _SshMirror, packages: Packages, syncs: int
) -> None:
    repository = behind_ssh.repository
    kind = repository.package_format
    folders = packages.series(kind, [f"1.{number}" for number in range(1 + syncs)])
    known = {file.read_bytes() for folder in folders for file in folder.iterdir()}
    repository.publish(folders[0])
    succeeded(behind_ssh.sync())
    reader = behind_ssh.served.client(kind, "mirror", repository.root / "key.asc")
    with Cutter(behind_ssh.port, kind, _MOST_BYTES) as cutter, reading(reader, known):
        for folder in folders[1:]:
            repository.publish(folder)
            assert behind_ssh.sync(cutter.port).status in (0, 75)
        cutter.tired = True
        succeeded(behind_ssh.sync(cutter.port))
    assert cutter.cuts
    assert files_below(behind_ssh.root) == files_below(repository.root)


def _make_key(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
