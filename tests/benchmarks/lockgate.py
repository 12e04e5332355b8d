"""Lockgate as a contestant: in a process that stays, and as the programs that builds run."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING
from unittest.mock import patch

from tests.benchmarks.measure import LOCKGATE, Parts
from tests.benchmarks.publisher import CODENAME, Keys, Publisher
from tests.benchmarks.sketches import sketch
from tests.workers.repository.programs import RECORD, program, succeeded
from workers.files import sha256, sha256_of
from workers.provenance.record import Record
from workers.public_keys import KEY
from workers.repository.apt import AptFormat
from workers.repository.release import ReleaseRepository
from workers.repository.rpm import RpmFormat
from workers.signing.metadata import sign_metadata

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.repository.formats import RepositoryFormat

COLD = f"{LOCKGATE} (cold)"
"""Each act in a process of its own."""

# As the site file has them unless it says otherwise.
_GENERATIONS = 10
_SECONDS = 14 * 86400.0
_VERSIONS = 2
_VALID_DAYS = 14
_ORIGIN = "Lockgate"

_DEPENDENCIES = 100  # of a build; real ones have a hundred to 250


class Resident(Publisher):
    """A release repository in this process, which has opened its key.

    Of the generations before the published one the newest ``generations`` stay, and those replaced
    less than ``seconds`` ago.
    """

    name = LOCKGATE

    def __init__(
        self,
        folder: Path,
        keys: Keys,
        *,
        generations: int = _GENERATIONS,
        seconds: float = _SECONDS,
    ) -> None:
        super().__init__(folder, keys)
        self.parts = Parts()
        self._key = keys.by_format[self.package_format]
        self._public = keys.home.public_keys([self._key.fingerprint])
        self.root = folder / "repository"
        self.root.mkdir()
        self._repository = ReleaseRepository(self.root, self._format())
        self._scratch = folder / "scratch"
        self._scratch.mkdir()
        self._kept = (generations, seconds)
        self._records: dict[Path, Record] = {}

    @property
    def served(self) -> Path:
        return self.root

    def prepare(self, packages: Path) -> None:
        # Signing thousands of packages takes minutes.
        with patch.object(RpmFormat, "refuse_unsigned"):
            self._publish(packages, record(packages), generations=1, seconds=0)
        # The generation that brought them all is no part of the life of a repository: forget it.
        self._publish(None, None, generations=1, seconds=0)
        os.sync()
        self.parts.forget()

    def announce(self, packages: Sequence[Path]) -> None:
        # The builds that made them say where they come from.
        self._records = {package: record(self._alone(package)) for package in packages}

    def add(self, package: Path) -> None:
        generations, seconds = self._kept
        folder = self._alone(package)
        source = self._record_of(package, folder)
        self._publish(folder, source, generations=generations, seconds=seconds)

    def _record_of(self, package: Path, folder: Path) -> Record:
        """Of a package in a folder of its own: made now if it was not announced."""
        return self._records.get(package) or record(folder)

    def _format(self) -> RepositoryFormat:
        if self.package_format == "rpm":
            return RpmFormat()
        return AptFormat(CODENAME, _ORIGIN, _VALID_DAYS)

    def _alone(self, package: Path) -> Path:
        folder = Path(tempfile.mkdtemp(dir=self._scratch))
        # RPM packages come with the key that they are signed by.
        for file in (package, package.with_name(KEY)):
            if file.exists():
                (folder / file.name).hardlink_to(file)
        return folder

    def _publish(
        self, packages: Path | None, source: Record | None, *, generations: int, seconds: float
    ) -> None:
        with self.parts.part("stage"):
            if packages is None or source is None:
                staged = self._repository.stage_refresh()
            else:
                keys = [self._key.fingerprint]
                staged = self._repository.stage(packages, _VERSIONS, source, keys)
        signed = self._scratch / staged["stage"]
        with self.parts.part("sign"):
            release = self.root / ".stage" / staged["stage"] / "release"
            why = {"build": "1", "requester": "Ann", "repository": self._called()}
            sign_metadata(
                self.keys.home.path, [self._key], self._public, release, signed, why, record=source
            )
        with self.parts.part("commit"):
            self._repository.commit(
                staged["stage"],
                signed,
                keys=[self._key.fingerprint],
                generations=generations,
                seconds=seconds,
            )

    def _called(self) -> str:
        """A name of the repository as a site would give it, unlike that of any other."""
        return f"{sha256_of(bytes(self.root))}/{self.package_format}"


class ResidentApt(Resident):
    """An APT repository."""

    package_format = "deb"


class ResidentRpm(Resident):
    """An RPM repository."""

    package_format = "rpm"


class Cold(Resident):
    """The same, but each act is a process of its own, as a build's steps start them."""

    name = COLD

    def add(self, package: Path) -> None:
        which = ("--format", self.package_format, "--repository", self.root, "--codename", CODENAME)
        folder = self._alone(package)
        described = self._scratch / "record.json"
        described.write_text(self._record_of(package, folder).model_dump_json())
        packages = (
            *("--packages", folder, "--key", self._key.fingerprint),
            *("--record", described, "--keep", str(_VERSIONS)),
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
                *("--record", described),
            )
        )
        generations, seconds = self._kept
        commit = ("--stage", staged["stage"], "--signed", signed)
        kept = (
            *("--key", self._key.fingerprint),
            *("--generations", str(generations), "--retention", str(seconds)),
        )
        succeeded(program("repository", "commit", *which, *commit, *kept))


class ColdApt(Cold):
    """An APT repository."""

    package_format = "deb"


class ColdRpm(Cold):
    """An RPM repository."""

    package_format = "rpm"


RESIDENT: dict[str, type[Resident]] = {"deb": ResidentApt, "rpm": ResidentRpm}


def record(packages: Path) -> Record:
    """Where a folder's packages come from, so they say: as much as is known of real ones.

    No build was given the same dependencies as any other, which costs a mirror the most.
    """
    paths = sorted(path for path in packages.iterdir() if path.name != KEY)
    built = {path.name: {"sha256": sha256(path)} for path in paths}
    random = Random("".join(of["sha256"] for of in built.values()))  # noqa: S311 - nothing secret: the same each time
    rpms = [path for path in paths if path.suffix == ".rpm"]
    for path, digests in RpmFormat().digests(rpms).items():
        built[path.name] |= digests
    dependencies = [f"{random.randbytes(32).hex()}  {name}" for name in _dependencies()]
    inputs = {**RECORD["inputs"], "dependencies": dependencies}
    return Record.model_validate({**RECORD, "inputs": inputs, "built": built})


@cache
def _dependencies() -> list[str]:
    used = (sketch(number) for number in range(_DEPENDENCIES))
    return [f"{each.name}_{each.version}-1_amd64.deb" for each in used]
