"""Lockgate as a contestant: in a process that stays, and as the programs that builds run."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, ClassVar
from unittest.mock import patch

from tests.benchmarks.measure import LOCKGATE, Parts
from tests.benchmarks.publisher import CODENAME, Keys, Publisher
from tests.workers.repository.programs import RECORD, program, succeeded
from workers.files import sha256, sha256_of
from workers.provenance.record import Record
from workers.repository.apt import AptFormat
from workers.repository.release import ReleaseRepository
from workers.repository.rpm import RpmFormat
from workers.signing.metadata import sign_metadata

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.inputs import Format
    from workers.repository.formats import RepositoryFormat

# As the site file has them unless it says otherwise.
_GENERATIONS = 10
_SECONDS = 14 * 86400.0
_VERSIONS = 2
_VALID_DAYS = 14
_ORIGIN = "Lockgate"


class Resident(Publisher):
    """A release repository in this process; signing runs gpg(1)."""

    name = LOCKGATE
    package_format: ClassVar[Format]

    def __init__(self, folder: Path, keys: Keys) -> None:
        super().__init__(folder, keys)
        self.parts = Parts()
        self._key = keys.by_format[self.package_format]
        self.root = folder / "repository"
        self.root.mkdir()
        self._repository = ReleaseRepository(self.root, self._format())
        self._scratch = folder / "scratch"
        self._numbers = itertools.count()

    def prepare(self, packages: Path) -> None:
        # Making each of thousands of files durable takes minutes; all of them together, seconds.
        with patch.object(os, "fsync"):
            self._publish(packages, generations=1, seconds=0)
        # The generation that brought them all is no part of the life of a repository: forget it.
        self._publish(None, generations=1, seconds=0)
        os.sync()
        self.parts.forget()

    def add(self, package: Path) -> None:
        folder = self._alone(package)
        self._publish(folder, generations=_GENERATIONS, seconds=_SECONDS)

    def _format(self) -> RepositoryFormat:
        if self.package_format == "rpm":
            return RpmFormat()
        return AptFormat(CODENAME, _ORIGIN, _VALID_DAYS)

    def _alone(self, package: Path) -> Path:
        folder = self._scratch / str(next(self._numbers))
        folder.mkdir(parents=True)
        (folder / package.name).hardlink_to(package)
        return folder

    def _publish(self, packages: Path | None, *, generations: int, seconds: float) -> None:
        with self.parts.part("stage"):
            record = None
            if packages is None:
                staged = self._repository.stage_refresh()
            else:
                record = self._record_of(packages)
                staged = self._repository.stage(packages, _VERSIONS, record)
        signed = self._scratch / staged["stage"]
        with self.parts.part("sign"):
            release = self.root / ".stage" / staged["stage"] / "release"
            why = {"build": "1", "requester": "Ann", "repository": self._called()}
            sign_metadata(self.keys.home, [self._key], release, signed, why, record=record)
        with self.parts.part("commit"):
            self._repository.commit(
                staged["stage"],
                signed,
                keys=[self._key.fingerprint],
                generations=generations,
                seconds=seconds,
            )

    def _record_of(self, packages: Path) -> Record:
        built = {package.name: sha256(package) for package in packages.iterdir()}
        return Record.model_validate(RECORD | {"built": built})

    def _called(self) -> str:
        """A name of the repository as a site would give it, unlike that of any other."""
        return f"{sha256_of(bytes(self.root))}/{self.package_format}"


class ResidentApt(Resident):
    """An APT repository."""

    package_format = "deb"


class ResidentRpm(Resident):
    """An RPM repository."""

    package_format = "rpm"


class ColdApt(ResidentApt):
    """The same, but each act is a process of its own, as a build's steps start them."""

    name = "lockgate (cold)"

    def add(self, package: Path) -> None:
        which = ("--format", "deb", "--repository", self.root, "--codename", CODENAME)
        alone, record = self._alone(package), self._scratch / "record.json"
        record.write_text(self._record_of(alone).model_dump_json())
        packages = (
            *("--packages", alone, "--record", record),
            *("--keep", str(_VERSIONS)),
        )
        told = ("--origin", _ORIGIN, "--valid-days", str(_VALID_DAYS))
        staged = succeeded(program("repository", "stage", *which, *packages, *told))
        signed = self._scratch / staged["stage"]
        release = self.root / ".stage" / staged["stage"] / "release"
        succeeded(
            program(
                *("sign", "metadata", "--home", self.keys.home.path),
                *("--key", self._key.fingerprint, "--repository", self._called()),
                *("--build", "1", "--requester", "Ann", "--staged", release, "--out", signed),
                *("--record", record),
            )
        )
        commit = ("--stage", staged["stage"], "--signed", signed)
        kept = (
            *("--key", self._key.fingerprint),
            *("--generations", str(_GENERATIONS), "--retention", str(_SECONDS)),
        )
        succeeded(program("repository", "commit", *which, *commit, *kept))
