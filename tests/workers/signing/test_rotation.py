"""One key takes over from another: nobody who knows either is ever left out."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from tests.workers.repository.clients import Client, ClientFailed, Dnf
from tests.workers.repository.programs import (
    CODENAME,
    FORMATS,
    Format,
    Packages,
    ReleaseRepository,
    Signer,
    program,
    succeeded,
)
from tests.workers.repository.web import Served, serving
from workers.clients.repository import Description, Rank, Repository
from workers.public_keys import fingerprints

if TYPE_CHECKING:
    from pathlib import Path

_ALGORITHMS = {"deb": "ed25519", "rpm": "rsa3072"}
_MADE, _BETWEEN = "20200101T000000", "20210101T000000"


@dataclass(frozen=True)
class _Site(Signer):
    """A signer as the site file's release tells it: which keys sign, which are trusted still."""

    signing: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()

    def keys(self, kind: Format) -> tuple[str, ...]:
        del kind  # it is asked for one
        old = [word for key in self.trusted for word in ("--trusted", key)]
        return (*(word for key in self.signing for word in ("--key", key)), *old)

    def named(self, kind: Format) -> tuple[str, ...]:
        del kind
        return tuple(word for key in self.signing + self.trusted for word in ("--key", key))


@dataclass(frozen=True)
class _Rotation:
    """A release repository whose keys change, and those who read it."""

    package_format: Format
    home: Path
    folder: Path
    served: Served
    old: str
    new: str

    def publish(self, site: _Site, version: str, name: str = "demo") -> None:
        """Publish a package as the site file says: stage, sign, commit, with the real programs."""
        (self.folder / f"{name}-{version}").mkdir()
        made = Packages(self.folder / f"{name}-{version}", site)
        root = self.served.folder / "release"
        scratch = self.folder / "scratch"
        repository = ReleaseRepository(root, self.package_format, site, scratch)
        repository.publish(made.make(self.package_format, version, name=name))

    def client(self, *keys: str) -> Client:
        """A client that was given these keys, and no others since."""
        named = [word for key in keys for word in ("--key", key)]
        exported = program("sign", "keys", "export", "--home", self.home, *named)
        path = self.folder / f"known-{len(list(self.folder.iterdir()))}.asc"
        path.write_text(succeeded(exported)["public_key"])
        return self.served.client(self.package_format, "release", path)

    def follower(self) -> Client:
        """A client that takes the keys from the repository."""
        key = self.served.folder / "release/key.asc"
        return self.served.client(self.package_format, "release", key)

    def known_to_builds(self, site: _Site) -> set[str]:
        """The keys that a build under this site file takes from the repository."""
        description = Description(
            path="release",
            format=self.package_format,
            origin="Lockgate",
            codename=CODENAME,
            key="release/key.asc",
            fingerprints=site.signing + site.trusted,
        )
        return fingerprints(Repository(description, self.served.url, Rank.RELEASE).fetch_key())

    def expire(self, key: str) -> None:
        """Let a key's time have run out long ago."""
        self._gpg("--faked-system-time", _BETWEEN, "--quick-set-expire", key, "1d")

    def make(self, name: str) -> str:
        """A key that was made long ago."""
        algorithm = _ALGORITHMS[self.package_format]
        wanted = ("--quick-generate-key", name, algorithm, "sign", "never")
        said = self._gpg("--status-fd", "1", "--faked-system-time", _MADE, *wanted)
        return said.rpartition("KEY_CREATED ")[2].split()[1]

    def _gpg(self, *arguments: str) -> str:
        return subprocess.run(
            ["gpg", "--homedir", self.home, "--batch", "--passphrase", "", *arguments],
            capture_output=True,
            text=True,
            check=True,
        ).stdout


@pytest.mark.parametrize("package_format", FORMATS)
def test_a_key_takes_over_from_another(package_format: Format, home: Path, tmp_path: Path) -> None:
    home.mkdir(mode=0o700)
    (tmp_path / "served/release").mkdir(parents=True)
    with serving(tmp_path / "served", tmp_path) as served:
        desk = _Rotation(package_format, home, tmp_path, served, "", "")
        desk = replace(desk, old=desk.make("Old"), new=desk.make("New"))
        _take_over(desk, _Site(home, {}, {}, signing=(desk.old,)))


def _take_over(desk: _Rotation, only_old: _Site) -> None:
    old, new = desk.old, desk.new
    desk.publish(only_old, "1.0", "steady")
    desk.publish(only_old, "1.0")
    knows_old, knows_new = desk.client(old), desk.client(new)
    _reads(knows_old, "1.0")
    with pytest.raises(ClientFailed):
        _reads(desk.client(new), "1.0")

    both = replace(only_old, signing=(old, new))
    assert desk.known_to_builds(both) == {old}  # until the next generation
    desk.publish(both, "1.1")
    _reads(knows_old, "1.1")
    assert desk.known_to_builds(both) == {old, new}

    turned = replace(only_old, signing=(new, old))
    desk.publish(turned, "1.2")
    _reads(knows_new, "1.2")
    _reads(desk.follower(), "1.2")
    if desk.package_format == "deb":
        _reads(knows_old, "1.2")

    only_new = replace(only_old, signing=(new,), trusted=(old,))
    desk.expire(old)
    desk.publish(only_new, "1.3")
    _reads(knows_new, "1.3")
    follower = desk.follower()
    _reads(follower, "1.3")
    assert desk.known_to_builds(only_new) == {old, new}
    if isinstance(follower, Dnf):
        follower.install("steady")  # the old key signed it

    forgotten = replace(only_new, trusted=())
    assert desk.known_to_builds(forgotten) == {new}  # before the repository forgets it
    desk.publish(forgotten, "1.4")
    _reads(knows_new, "1.4")
    assert desk.known_to_builds(only_new) == {new}


def _reads(client: Client, version: str) -> None:
    client.update()
    assert version in client.versions("demo")
    client.download("demo")
