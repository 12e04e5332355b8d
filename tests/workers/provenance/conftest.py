"""A repository with records to be audited, and to be tampered with."""

from __future__ import annotations

import functools
import json
import subprocess
from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from master.cli import main
from tests.workers.repository.conftest import (
    foreign_key,
    foreign_signer,
    package_format,
    packages,
    release,
    served,
    served_folder,
    signer,
)
from tests.workers.repository.generations import commit_point
from tests.workers.repository.programs import CODENAME, ReleaseRepository
from workers.provenance import audit
from workers.provenance.envelope import seal
from workers.signing.gnupg import Home, Key
from workers.signing.openpgp import binary_signature, clear_signed, detached_signature

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.workers.repository.programs import Format, Packages, Signer

__all__ = [
    "foreign_key",
    "foreign_signer",
    "package_format",
    "packages",
    "release",
    "served",
    "served_folder",
    "signer",
]


@dataclass(frozen=True)
class Audited:
    """A release repository with two generations, and the commands that look into it."""

    release: ReleaseRepository

    @property
    def root(self) -> Path:
        """Its files."""
        return self.release.root

    @property
    def key(self) -> Path:
        """The public key that is trusted."""
        return self.root.parent / "trusted.asc"

    @property
    def by_address(self) -> tuple[str, ...]:
        """What must be told of it where folders cannot be listed."""
        return ("--codename", CODENAME) if self.release.package_format == "deb" else ()

    @property
    def stamps(self) -> list[str]:
        """Names of its generations, the published one first."""
        return sorted((path.stem for path in self.root.glob("generations/2*.json")), reverse=True)

    def snapshot(self, stamp: str) -> Path:
        """The commit point of a generation under its own name."""
        if self.release.package_format == "rpm":
            return self.root / "snapshots" / stamp / "repodata/repomd.xml"
        return commit_point(self.release).parent / "snapshots" / stamp / "InRelease"

    def audit(self, *more: str | Path, where: str | None = None) -> tuple[int, list[str]]:
        """Status and lines of ``lockgate audit``."""
        key = () if "--key" in more else ("--key", self.key)
        return run("audit", where or self.root, *more, *key)

    def findings(self, *more: str | Path, where: str | None = None) -> list[str]:
        """Its findings; the last line, which counts them, is right."""
        status, lines = self.audit(*more, where=where)
        found = [line for line in lines if not line.startswith(("staged", "generation "))][:-1]
        assert lines[-1].endswith(f" {len(found)} findings")
        assert status == (1 if found else 0)
        return found

    def package(self, version: str) -> Path:
        """The package file of a version."""
        ending = self.release.package_format
        (found,) = [
            path for path in self.root.rglob(f"demo*{version}-1*.{ending}") if path.is_file()
        ]
        return found

    def name(self, version: str) -> str:
        """Its path in the repository."""
        return str(self.package(version).relative_to(self.root))

    def record(self, version: str) -> Path:
        """The record of that file."""
        return self.root / "provenance" / f"{self.name(version)}.json"

    @property
    def _key(self) -> Key:
        kind, signer = self.release.package_format, self.release.signer
        return Home.of(signer.home).key(signer.fingerprints[kind], kind)

    def sign_record(self, version: str, change: Callable[[dict[str, Any]], None]) -> None:
        """Change what a record says, and sign it again."""
        statement = json.loads(b64decode(json.loads(self.record(version).read_bytes())["payload"]))
        change(statement)
        key = self._key
        sealed = seal(
            json.dumps(statement).encode(),
            [key.fingerprint],
            lambda _, content: binary_signature(key, content),
        )
        self.record(version).unlink()  # other files may share it
        self.record(version).write_bytes(sealed)

    def sign_text(self, change: Callable[[str], str]) -> None:
        """Change the published generation's text, and sign it again, there and as a snapshot."""
        key, point = self._key, commit_point(self.release)
        is_deb = self.release.package_format == "deb"
        plain = point.with_name("Release") if is_deb else point
        text = change(plain.read_text()).encode()
        made = {plain.name: text}
        detached = detached_signature([key], text)
        if is_deb:
            made |= {"InRelease": clear_signed([key], text), "Release.gpg": detached}
        else:
            made |= {"repomd.xml.asc": detached}
        for folder in (point.parent, self.snapshot(self.stamps[0]).parent):
            for name, content in made.items():
                if (folder / name).exists():
                    (folder / name).unlink()  # other files may share it
                    (folder / name).write_bytes(content)


def run(*arguments: str | Path) -> tuple[int, list[str]]:
    """Status and lines of a command."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output.splitlines()


@pytest.fixture(scope="package")
def published(
    packages: Packages, signer: Signer, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Format], ReleaseRepository]:
    """Repositories of which versions 1.0 and 1.1 of a package were published; none is changed."""

    @functools.cache
    def of(kind: Format) -> ReleaseRepository:
        folder = tmp_path_factory.mktemp(f"published-{kind}")
        made = ReleaseRepository(folder / "release", kind, signer, folder / "scratch")
        made.root.mkdir()
        (made.root / "key.asc").write_text(signer.public_keys[kind])
        for version in ("1.0", "1.1"):
            made.publish(packages.make(kind, version))
        return made

    return of


@pytest.fixture
def audited(
    release: ReleaseRepository,
    published: Callable[[Format], ReleaseRepository],
    monkeypatch: pytest.MonkeyPatch,
) -> Audited:
    """Versions 1.0 and 1.1 of a package were published."""
    monkeypatch.setattr(audit, "PAUSE_SECONDS", 0)
    made = published(release.package_format)
    # Copies share files as the repository does.
    subprocess.run(["cp", "-a", f"{made.root}/.", release.root], check=True)
    audited = Audited(release)
    audited.key.write_text(made.signer.public_keys[release.package_format])
    return audited
