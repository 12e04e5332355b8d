"""The other programs that publish, each used as its manual shows, with the same keys.

Where they differ in what they do, they do less than Lockgate: reprepro lists no contents here, no
RPM program signs its metadata, and none but aptly and createrepo-agent keeps what clients may still
be reading. aptly writes bz2 where the others write xz, which it cannot.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING

from tests.benchmarks.publisher import CODENAME, Keys, Publisher, copy, run, where

if TYPE_CHECKING:
    from pathlib import Path

_ARCHITECTURE = "amd64"
_ANY_ARCHITECTURE = "noarch"
_START_SECONDS = 30


class Reprepro(Publisher):
    """reprepro(1)."""

    name = program = "reprepro"
    package_format = "deb"

    def __init__(self, folder: Path, keys: Keys) -> None:
        super().__init__(folder, keys)
        (folder / "conf").mkdir()
        (folder / "conf/distributions").write_text(
            f"Codename: {CODENAME}\nComponents: main\nArchitectures: {_ARCHITECTURE} source\n"
            "DebIndices: Packages Release . .gz .xz\n"
            f"SignWith: {keys.by_format['deb'].fingerprint}\n"
        )

    @property
    def served(self) -> Path:
        return self.folder / "public"

    def prepare(self, packages: Path) -> None:
        self._include(*packages.iterdir())

    def add(self, package: Path) -> None:
        self._include(package)

    def repair(self, package: Path) -> None:
        (self.folder / "db/lockfile").unlink(missing_ok=True)
        # It may be in the database and not in the pool.
        self._reprepro("remove", CODENAME, package.name.partition("_")[0])

    def _include(self, *packages: Path) -> None:
        self._reprepro("includedeb", CODENAME, *packages)

    def _reprepro(self, *arguments: str | Path) -> None:
        where = ("--basedir", self.folder, "--outdir", self.served)
        run("reprepro", "--silent", *where, *arguments, environment=_with_home(self.keys))


class Aptly(Publisher):
    """aptly(1), with by-hash."""

    name = program = "aptly"
    package_format = "deb"

    def __init__(self, folder: Path, keys: Keys) -> None:
        super().__init__(folder, keys)
        configuration = {
            "rootDir": str(folder),
            "architectures": [_ARCHITECTURE],
            "gpgProvider": "gpg",
        }
        (folder / "aptly.conf").write_text(json.dumps(configuration))
        self._aptly("repo", "create", f"-distribution={CODENAME}", "-component=main", "bench")

    @property
    def served(self) -> Path:
        return self.folder / "public"

    def prepare(self, packages: Path) -> None:
        self._aptly("repo", "add", "bench", packages)
        self._aptly("publish", "repo", "-acquire-by-hash", *self._signed(), "bench")

    def add(self, package: Path) -> None:
        self._aptly("repo", "add", "bench", package)
        self._aptly("publish", "update", *self._signed(), CODENAME)

    def _signed(self) -> tuple[str, ...]:
        return "-batch", f"-gpg-key={self.keys.by_format['deb'].fingerprint}"

    def _aptly(self, *arguments: str | Path) -> None:
        configuration = f"-config={self.folder / 'aptly.conf'}"
        run("aptly", configuration, *arguments, environment=_with_home(self.keys))


class Ftparchive(Publisher):
    """apt-ftparchive(1) with its cache, and gpg(1)."""

    name = program = "apt-ftparchive"
    package_format = "deb"

    def __init__(self, folder: Path, keys: Keys) -> None:
        super().__init__(folder, keys)
        self._suite = folder / "dists" / CODENAME
        (self._suite / f"main/binary-{_ARCHITECTURE}").mkdir(parents=True)
        (folder / "pool").mkdir()
        (folder / "cache").mkdir()
        (folder / "generate.conf").write_text(
            f'Dir {{ ArchiveDir "{folder}"; CacheDir "{folder}/cache"; }};\n'
            'Default { Packages::Compress ". gzip xz"; };\n'
            f'Tree "dists/{CODENAME}" {{ Directory "pool"; Sections "main"; '
            f'Architectures "{_ARCHITECTURE}"; BinCacheDB "packages.db"; }};\n'
        )

    def prepare(self, packages: Path) -> None:
        for package in packages.iterdir():
            (self.folder / "pool" / package.name).hardlink_to(package)
        self._generate()

    def add(self, package: Path) -> None:
        copy(package, self.folder / "pool")
        self._generate()

    def _generate(self) -> None:
        run("apt-ftparchive", "generate", "generate.conf", folder=self.folder)
        release = self._suite / "Release"
        release.unlink(missing_ok=True)
        named = ("-o", f"APT::FTPArchive::Release::Codename={CODENAME}")
        made = self.folder / "Release"
        run("apt-ftparchive", *named, "release", self._suite, output=made)
        made.replace(release)
        self._sign("InRelease", "--clear-sign")
        self._sign("Release.gpg", "--armor", "--detach-sign")

    def _sign(self, name: str, *how: str) -> None:
        key = self.keys.by_format["deb"].fingerprint
        by = ("--homedir", self.keys.home.path, "--batch", "--local-user", key)
        run("gpg", *by, "--output", "-", *how, self._suite / "Release", output=self._suite / name)


class CreaterepoC(Publisher):
    """createrepo_c(8)."""

    name = program = "createrepo_c"
    package_format = "rpm"

    def prepare(self, packages: Path) -> None:
        (self.folder / "Packages").mkdir()
        for package in packages.iterdir():
            (self.folder / "Packages" / package.name).hardlink_to(package)
        self._createrepo()

    def add(self, package: Path) -> None:
        copy(package, self.folder / "Packages")
        self._createrepo("--update")

    def repair(self, package: Path) -> None:
        del package
        shutil.rmtree(self.folder / ".repodata", ignore_errors=True)

    def _createrepo(self, *arguments: str) -> None:
        run("createrepo_c", "--quiet", "--general-compress-type=gz", *arguments, self.folder)


class CreaterepoAgent(Publisher):
    """createrepo-agent(1), which stays and is asked through its socket."""

    name = program = "createrepo-agent"
    package_format = "rpm"

    def __init__(self, folder: Path, keys: Keys) -> None:
        super().__init__(folder, keys)
        with (folder / "log").open("wb") as log:
            self._agent = subprocess.Popen(
                [where(self.program) or self.program, "--server", str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._socket = socket.socket(socket.AF_UNIX)
        self._connect()
        self._answers = self._socket.makefile("rb")
        self._expect_ok()

    @property
    def served(self) -> Path:
        return self.folder / _ANY_ARCHITECTURE

    def prepare(self, packages: Path) -> None:
        for package in packages.iterdir():
            self._say("ADD", str(package), _ANY_ARCHITECTURE)
        self._say("COMMIT")

    def add(self, package: Path) -> None:
        self._say("ADD", str(package), _ANY_ARCHITECTURE)
        self._say("COMMIT")

    def close(self) -> None:
        self._answers.close()
        self._socket.close()
        self._agent.terminate()
        self._agent.wait(_START_SECONDS)

    def _connect(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self._socket.connect(str(self.folder / ".S.createrepo-agent"))
            except OSError:
                if time.monotonic() > deadline or self._agent.poll() is not None:
                    raise
                time.sleep(0.05)
            else:
                return

    def _say(self, *words: str) -> None:
        """One command of the Assuan protocol and its answer."""
        self._socket.sendall(" ".join(words).encode() + b"\n")
        self._expect_ok()

    def _expect_ok(self) -> None:
        answer = self._answers.readline()
        if not answer.startswith(b"OK"):
            raise RuntimeError(f"{self.name} answers {answer!r}")


def _with_home(keys: Keys) -> dict[str, str]:
    return {**os.environ, "GNUPGHOME": str(keys.home.path)}
