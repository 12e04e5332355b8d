"""What one run of the benchmark has to work with."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.inputs import Inputs, gather
from tests.benchmarks.lockgate import record
from tests.benchmarks.publisher import Keys, run
from tests.workers.repository.programs import end_agent
from workers.signing.gnupg import Home, throw_away_key
from workers.signing.rpms import sign_rpms

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.benchmarks.inputs import Format


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    sizes: Mapping[int, int]
    """Rounds by how many packages are in a repository before one is added."""
    rounds: int
    """Rounds of everything else."""
    packages: int
    """In a repository that is mirrored or read."""
    publishes: int
    """While clients read."""
    kills: int
    """Of each publisher."""
    builds: int
    """Of each package."""


@dataclass(frozen=True)
class Bench:
    """Keys, packages and a folder for repositories, which ends with the run."""

    folder: Path
    inputs: Inputs
    keys: Keys
    scale: Scale

    def ready(self, package_format: Format, packages: Sequence[Path]) -> list[Path]:
        """Packages as they come to be published: RPM packages are signed, whoever publishes them.

        Those that a repository has in the beginning are not: to sign thousands takes minutes.
        """
        if package_format == "deb":
            return list(packages)
        signed = self.folder / "signed"
        missing = [package for package in packages if not (signed / package.name).exists()]
        if missing:
            with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
                folder = gather(missing, Path(scratch, "unsigned"))
                why = {"build": "1", "requester": "Ann", "repository": "bench/rpm"}
                key = self.keys.by_format["rpm"]
                sign_rpms(self.keys.home, key, folder, signed, why, record(folder))
        return [signed / package.name for package in packages]

    def changes(self, package_format: Format) -> Iterator[Path]:
        """Packages that are there already, again and again, each time in a higher version."""
        for revision in count(1):
            yield from self.ready(package_format, self.inputs.changing(package_format, revision))


@contextmanager
def bench(work: Path, scale: Scale) -> Iterator[Bench]:
    """Set up below a folder; the packages made stay there for the next run."""
    folder = work / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    home = Home.of(folder / "keys")
    try:
        yield Bench(folder, Inputs(work / "inputs"), _keys(home, folder), scale)
    finally:
        end_agent(home.path)
        shutil.rmtree(folder)


def _keys(home: Home, folder: Path) -> Keys:
    deb = home.make_key("deb", "bench of deb <deb@example.org>")
    rpm = home.make_key("rpm", "bench of rpm <rpm@example.org>")
    test = throw_away_key(home)  # a worker has had it since its first test repository
    ring, armoured = folder / "keys.gpg", folder / "keys.asc"
    run("gpg", "--homedir", home.path, "--batch", "--export", output=ring)
    armoured.write_bytes(home.public_keys([key.fingerprint for key in (deb, rpm, test)]))
    return Keys(home, {"deb": deb, "rpm": rpm}, ring, armoured)
