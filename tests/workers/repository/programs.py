"""What publishes in these tests: Lockgate's programs, a signer's keys, a release repository."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.workers.install_test.served import Deb, Rpm
from workers.files import sha256
from workers.provenance.place import STATEMENT

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


def _record_of(packages: Path) -> dict[str, Any]:
    """The same, of a folder's packages."""
    return RECORD | {"built": {path.name: sha256(path) for path in packages.glob("*.*")}}


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
        """Sign what is staged, with the record of what it adds."""
        which = ("--staged", staged, "--out", out, *(("--record", record) if record else ()))
        succeeded(program("sign", "metadata", *self._for(kind), *self.keys(kind), *which))
        return out

    def rpms(self, folder: Path, out: Path) -> Path:
        """Sign a folder of RPM packages."""
        record = out.with_name(f"{out.name}-record.json")
        record.write_text(json.dumps(_record_of(folder)))
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


class Packages:
    """Makes folders of one package each, which no test changes; those asked for again are kept."""

    def __init__(self, folder: Path, signer: Signer) -> None:
        self._folder = folder
        self._signer = signer
        self._made: dict[tuple[str, ...], Path] = {}

    def make(
        self, package_format: Format, version: str, *, name: str = "demo", text: str = "of tests"
    ) -> Path:
        """A folder with a package; an RPM package is signed, as it is when published."""
        return self.series(package_format, [version], name=name, text=text)[0]

    def series(
        self,
        package_format: Format,
        versions: list[str],
        *,
        name: str = "demo",
        text: str = "of tests",
    ) -> list[Path]:
        """A folder for each of several versions."""
        plain = [
            self.unsigned(package_format, version, name=name, text=text) for version in versions
        ]
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
                for file in folder.iterdir():
                    (together / "signed" / file.name).rename(folder.parent / "signed" / file.name)
        return [folder.parent / "signed" for folder in plain]

    def unsigned(
        self, package_format: Format, version: str, *, name: str = "demo", text: str = "of tests"
    ) -> Path:
        """A folder with a package as it was built."""
        key = (package_format, version, name, text)
        if key not in self._made:
            top = Path(tempfile.mkdtemp(dir=self._folder))
            scratch, made = top / "scratch", top / "made"
            made.mkdir()
            files = {f"usr/share/{name}/text": text}
            if package_format == "deb":
                Deb(name, f"{version}-1", files=files).make(scratch, made)
                self._made[key] = made
            else:
                Rpm(name, version, files=files).make(scratch, made)
                self._made[key] = made / "noarch"
        return self._made[key]


@dataclass(frozen=True)
class ReleaseRepository:
    """A release repository, published as the steps of a build do it."""

    root: Path
    package_format: Format
    signer: Signer
    scratch: Path
    codename: str = CODENAME

    def stage(self, packages: Path) -> dict[str, Any]:
        """Stage; it must succeed."""
        return succeeded(program(*self.stage_arguments(packages)))

    def stage_arguments(self, packages: Path) -> list[str | Path]:
        """The program that stages."""
        self.scratch.mkdir(exist_ok=True)
        self._record.write_text(json.dumps(_record_of(packages)))
        return self.arguments("stage", "--packages", packages, "--record", self._record)

    def accepts(self, packages: Path) -> Outcome:
        """Ask whether it would take packages."""
        return program(*self.arguments("accepts", "--packages", packages))

    def sign(self, staged: dict[str, Any]) -> Path:
        """Sign what is staged; answer the folder of the signatures."""
        folder, out = Path(staged["to_sign"]).parent, self.scratch / staged["stage"]
        record = self._record if (folder / STATEMENT).exists() else None
        return self.signer.metadata(self.package_format, folder, out, record)

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
