"""What publishes in these tests: Lockgate's programs, a signer's keys, a release repository."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

from tests.workers.install_test.served import Deb, Rpm
from workers.files import sha256
from workers.outcome import BadRequest
from workers.provenance.place import STATEMENT
from workers.provenance.record import read_record
from workers.public_keys import KEY
from workers.repository import release as publishing
from workers.repository.rpm import Compression, RpmFormat

Format = Literal["deb", "rpm"]
FORMATS: tuple[Format, ...] = ("deb", "rpm")
CODENAME = "trixie"
LONG = 3600.0  # seconds of retention that no test outlives

RECORD: dict[str, Any] = {
    "release": "main",
    "package": "demo",
    "change": {
        "number": 12,
        "patchset": 3,
        "revision": "1" * 40,
        "url": "https://gerrit.example.org/12",
    },
    "approvals": [{"who": "Ann Author", "label": "Code-Review", "value": 2}],
    "sources": [
        {
            "project": "demo",
            "url": "https://gerrit.example.org/demo",
            "branch": "main",
            "commit": "2" * 40,
            "tree": "3" * 40,
        }
    ],
    "merged": {"project": "demo", "commit": "4" * 40, "tree": "3" * 40, "as_tested": True},
    "inputs": {
        "key": "5" * 64,
        "root": "0123456789abcdef0123",
        "dependencies": [f"{'6' * 64}  debhelper_13.11_all.deb"],
        "options": {"dist": ".lg7"},
    },
    "built": {},
    "runs": [
        {
            "builder": "gate/main/demo",
            "url": "https://gate.example.org/#/builders/1/builds/2",
            "result": "success",
            "started": "2026-01-02T03:04:05Z",
            "finished": "2026-01-02T03:05:06Z",
        }
    ],
    "publisher": {
        "builder": "publish/main/demo",
        "url": "https://gate.example.org/#/builders/3/builds/4",
        "result": "running",
        "started": "2026-01-02T03:06:07Z",
    },
}
"""Where the packages of these tests come from, so they say."""

_CHECKOUT = Path(__file__).parents[3]
_SECONDS = 120


@dataclass(frozen=True)
class Outcome:
    """How a program ended: its status, its one JSON object if it gave one, what else it said."""

    status: int
    answer: dict[str, Any]
    said: str


def record_of(packages: Path) -> dict[str, Any]:
    """The same, of a folder whose files are what was built, but for signatures and their key."""
    paths = sorted(path for path in packages.iterdir() if path.is_file() and path.name != KEY)
    built = {path.name: {"sha256": sha256(path)} for path in paths}
    with suppress(BadRequest):  # some tests' packages are none
        rpms = [path for path in paths if path.suffix == ".rpm"]
        for path, digests in RpmFormat().digests(rpms).items():
            built[path.name] |= digests
    return RECORD | {"built": built}


def only_package(folder: Path) -> Path:
    """The one package file in a folder, whatever lies beside it."""
    (file,) = (path for path in folder.iterdir() if path.suffix in (".deb", ".rpm"))
    return file


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    """Start ``lockgate-worker``."""
    return subprocess.Popen(
        [sys.executable, "-m", "workers.cli", *map(str, arguments)],
        cwd=_CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def program(*arguments: str | Path) -> Outcome:
    """Run ``lockgate-worker`` to its end."""
    with start(*arguments) as process:
        try:
            output, said = process.communicate(timeout=_SECONDS)
        finally:
            process.kill()
    return Outcome(process.returncode, json.loads(output) if output else {}, said)


def succeeded(outcome: Outcome) -> dict[str, Any]:
    """The answer of a program that must have succeeded."""
    assert outcome.status == 0, (outcome.answer, outcome.said)
    assert outcome.answer["outcome"] == "success"
    return outcome.answer


def refused(outcome: Outcome, status: int) -> str:
    """The one-line reason of a program that must have failed with a status."""
    assert outcome.status == status, (outcome.answer, outcome.said)
    reason = outcome.answer["reason"]
    assert reason
    assert "\n" not in reason
    assert isinstance(reason, str)
    return reason


def end_agent(home: Path) -> None:
    """End the agent that gpg(1) starts for a home."""
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "gpg-agent"], check=True)


@dataclass(frozen=True)
class Signer:
    """A signer's keys, one for each format, and the public ones, armoured."""

    home: Path
    fingerprints: dict[Format, str]
    public_keys: dict[Format, str]

    @classmethod
    def make(cls, home: Path) -> Signer:
        """Make the keys."""
        fingerprints: dict[Format, str] = {}
        public: dict[Format, str] = {}
        at = ("--home", home)
        for kind in FORMATS:
            who = ("--kind", kind, "--name", f"tests of {kind}", "--email", f"{kind}@example.org")
            made = succeeded(program("sign", "keys", "make", *at, *who))
            exported = program("sign", "keys", "export", *at, "--key", made["fingerprint"])
            fingerprints[kind] = made["fingerprint"]
            public[kind] = succeeded(exported)["public_key"]
        return cls(home, fingerprints, public)

    def metadata(self, kind: Format, staged: Path, out: Path, record: Path | None = None) -> Path:
        """Sign what is staged, with the record of what it adds; it must succeed."""
        succeeded(self.try_metadata(kind, staged, out, record))
        return out

    def try_metadata(self, kind: Format, staged: Path, out: Path, record: Path | None) -> Outcome:
        """The same, if the signer does it."""
        which = ("--staged", staged, "--out", out, *(("--record", record) if record else ()))
        return program("sign", "metadata", *self._for(kind), *self.keys(kind), *which)

    def rpms(self, folder: Path, out: Path) -> Path:
        """Sign a folder of RPM packages."""
        record = out.with_name(f"{out.name}-record.json")
        record.write_text(json.dumps(record_of(folder)))
        which = ("--in", folder, "--out", out, "--record", record)
        succeeded(program("sign", "rpm", *self._for("rpm"), *self.keys("rpm")[:2], *which))
        return out

    def keys(self, kind: Format) -> tuple[str, ...]:
        """How programs are told the keys of a repository."""
        return "--key", self.fingerprints[kind]

    def named(self, kind: Format) -> tuple[str, ...]:
        """How programs are told the keys that clients of a repository may find."""
        return "--key", self.fingerprints[kind]

    def _for(self, kind: Format) -> tuple[str | Path, ...]:
        repository = ("--repository", f"tests/{kind}")
        return "--home", self.home, *repository, "--build", "1", "--requester", "Ann"


@dataclass(frozen=True)
class _Asked:
    """A package in a folder of its own."""

    package_format: Format
    version: str
    name: str = "demo"
    text: str = "of tests"
    native: bool = False
    """Whether it is for this machine's architecture alone."""

    def make(self, scratch: Path, into: Path) -> Path:
        """The folder that it is made in."""
        files = {f"usr/share/{self.name}/{self.version}": self.text}
        if self.package_format == "deb":
            architecture = "amd64" if self.native else "all"
            deb = Deb(self.name, f"{self.version}-1", files=files, architecture=architecture)
            deb.make(scratch, into)
            return into
        architecture = "x86_64" if self.native else "noarch"
        Rpm(self.name, self.version, files=files, architecture=architecture).make(scratch, into)
        return into / architecture


class Packages:
    """Makes folders of one package each, which no test changes; those asked for again are kept."""

    def __init__(self, folder: Path, signer: Signer) -> None:
        self._folder = folder
        self._signer = signer
        self._made: dict[_Asked, Path] = {}

    def make(self, package_format: Format, version: str, **more: Any) -> Path:
        """A folder with a package; an RPM package is signed, as it is when published."""
        return self.series(package_format, [version], **more)[0]

    def series(self, package_format: Format, versions: list[str], **more: Any) -> list[Path]:
        """A folder for each of several versions."""
        plain = [self.unsigned(package_format, version, **more) for version in versions]
        if package_format == "deb":
            return plain
        missing = [folder for folder in plain if not (folder.parent / "signed").exists()]
        if missing:
            together = Path(tempfile.mkdtemp(dir=self._folder))
            for folder in missing:
                shutil.copytree(folder, together, dirs_exist_ok=True)
            self._signer.rpms(together, together / "signed")
            for folder in missing:
                (folder.parent / "signed").mkdir()
                shutil.copy(together / "signed" / KEY, folder.parent / "signed")
                for file in folder.iterdir():
                    (together / "signed" / file.name).rename(folder.parent / "signed" / file.name)
        return [folder.parent / "signed" for folder in plain]

    def unsigned(self, package_format: Format, version: str, **more: Any) -> Path:
        """A folder with a package as it was built; see the fields of what is asked for."""
        asked = _Asked(package_format, version, **more)
        if asked not in self._made:
            top = Path(tempfile.mkdtemp(dir=self._folder))
            (top / "made").mkdir()
            self._made[asked] = asked.make(top / "scratch", top / "made")
        return self._made[asked]


@dataclass(frozen=True)
class ReleaseRepository:
    """A release repository, published as the steps of a build do it."""

    root: Path
    package_format: Format
    signer: Signer
    scratch: Path
    codename: str = CODENAME
    compression: Compression = "gz"
    """Of an RPM repository's metadata."""

    def stage(self, packages: Path) -> dict[str, Any]:
        """Stage; it must succeed."""
        return succeeded(program(*self.stage_arguments(packages)))

    def stage_unsigned(self, packages: Path) -> dict[str, Any]:
        """Stage RPM packages that nobody has signed, as a publisher would that does not look."""
        self.stage_arguments(packages)  # writes the record
        publisher = publishing.ReleaseRepository(self.root, RpmFormat(self.compression))
        with patch.object(RpmFormat, "refuse_unsigned"):
            return publisher.stage(packages, 2, read_record(self._record), ())

    def stage_arguments(self, packages: Path) -> list[str | Path]:
        """The program that stages."""
        self.scratch.mkdir(exist_ok=True)
        self._record.write_text(json.dumps(record_of(packages)))
        told = ("--packages", packages, "--record", self._record)
        named = self.signer.named(self.package_format)
        return self.arguments("stage", *told, *named, *self.metadata)

    @property
    def metadata(self) -> tuple[str, ...]:
        """How the programs that stage are told to write indexes."""
        return () if self.package_format == "deb" else ("--compression", self.compression)

    def rollback(self, generation: str) -> dict[str, Any]:
        """Go back to a generation; all must succeed."""
        back = self.arguments("rollback", "--to", generation, *self.metadata)
        staged = succeeded(program(*back))
        return succeeded(self.commit(staged, self.sign(staged)))

    def refresh(self) -> dict[str, Any]:
        """Publish what is published under a new date; all must succeed."""
        staged = succeeded(program(*self.arguments("refresh", *self.metadata)))
        return succeeded(self.commit(staged, self.sign(staged)))

    def accepts(self, packages: Path) -> Outcome:
        """Ask whether it would take packages."""
        return program(*self.arguments("accepts", "--packages", packages))

    def sign(self, staged: dict[str, Any]) -> Path:
        """Sign what is staged; answer the folder of the signatures."""
        out = self.scratch / str(staged["stage"])
        succeeded(self.try_sign(staged, out))
        return out

    def try_sign(self, staged: dict[str, Any], out: Path) -> Outcome:
        """Sign what is staged, if the signer does it."""
        folder = Path(staged["to_sign"]).parent
        record = self._record if (folder / STATEMENT).exists() else None
        return self.signer.try_metadata(self.package_format, folder, out, record)

    @property
    def _record(self) -> Path:
        return self.scratch / "record.json"

    def commit_arguments(
        self, stage: str, signed: Path, retention: float = LONG
    ) -> list[str | Path]:
        """The program that commits."""
        named = self.signer.named(self.package_format)
        which = ("--stage", stage, "--signed", signed)
        return self.arguments("commit", *which, *named, "--retention", str(retention))

    def commit(self, staged: dict[str, Any], signed: Path, retention: float = LONG) -> Outcome:
        """Commit."""
        return program(*self.commit_arguments(staged["stage"], signed, retention))

    def publish(self, packages: Path, retention: float = LONG) -> dict[str, Any]:
        """Stage, sign and commit; all must succeed."""
        staged = self.stage(packages)
        return succeeded(self.commit(staged, self.sign(staged), retention))

    def arguments(self, name: str, *more: str | Path) -> list[str | Path]:
        """One of the programs that work on it."""
        which = ("--format", self.package_format, "--repository", self.root)
        return ["repository", name, *which, "--codename", self.codename, *more]
