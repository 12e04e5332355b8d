"""The release repository of a branch: staged, signed elsewhere, committed."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from workers.names import identifier
from workers.outcome import BadRequest, InfrastructureFault
from workers.repository import files
from workers.repository.apt import AptRepository
from workers.repository.rpm import RpmRepository

if TYPE_CHECKING:
    from workers.repository.package import Published

Format = Literal["deb", "rpm"]

KEY = "key.asc"  # public key of the repository, put there by the operator
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_KEEP_VERSIONS = 2  # of one package in the index


@dataclass(frozen=True)
class ReleaseRepository:
    """One repository below ``root``; all writing is done while its lock is held."""

    root: Path
    package_format: Format
    codename: str = ""

    def accepts(self, packages: Path) -> list[Published]:
        """The packages of a folder, if they could be published now; raises as staging would."""
        if self.package_format == "deb":
            entries = self._apt().check(packages)
            return [entry.package for listed in entries.values() for entry in listed]
        return list(RpmRepository(self.root).check(packages))

    def stage(self, packages: Path) -> dict[str, Any]:
        """Prepare the next generation: everything is in place but the commit point.

        The answer's ``to_sign`` is the APT Release text to be signed, None for RPM.
        """
        with self._locked():
            name = f"{datetime.now(UTC).strftime(_STAMP).lower()}-{secrets.token_hex(3)}"
            if self.package_format == "deb":
                apt = self._apt()
                indexes, new = apt.put(packages, _KEEP_VERSIONS)
                text = apt.write_indexes(indexes, origin=f"Lockgate {self.codename}")
                added = [entry.package for entry in new]
                file = "Release"
            else:
                rpm = RpmRepository(self.root)
                listed, added = rpm.put(packages, _KEEP_VERSIONS)
                text = rpm.write_metadata(listed)
                file = "repomd.xml"
            stage = self._stages / name
            files.write(stage / "release" / file, text)
            plan = {"base": self._base(), "added": [package.words() for package in added]}
            files.write(stage / "plan.json", json.dumps(plan).encode())
        to_sign = stage / "release" / file if self.package_format == "deb" else None
        return {
            "stage": name,
            "to_sign": None if to_sign is None else str(to_sign),
            "added": plan["added"],
        }

    def commit(self, name: str, inrelease: Path | None, retention: float) -> dict[str, Any]:
        """Make a staged generation the published one; files it no longer needs stay for a time.

        Raises BadRequest for a signature that is not of the repository's key over the staged text
        and InfrastructureFault when another generation was committed since it was staged.
        """
        stage = self._stages / identifier(name)
        with self._locked():
            if not stage.is_dir():
                raise BadRequest(f"there is no stage {name} in {self.root}")
            plan = json.loads((stage / "plan.json").read_bytes())
            if plan["base"] != self._base():
                raise InfrastructureFault("the repository was published meanwhile; stage again")
            before = self._in_use()
            generation = datetime.now(UTC).strftime(_STAMP)
            if self.package_format == "deb":
                content = self._verified(inrelease, stage / "release" / "Release")
                self._apt().show_indexes((stage / "release" / "Release").read_bytes())
            else:
                content = (stage / "release" / "repomd.xml").read_bytes()
            record = {"generation": generation, "added": plan["added"]}
            records = self.root / "generations"
            files.write(records / f"{generation}.json", json.dumps(record, indent=1).encode())
            files.write(self._commit_point, content)
            files.settle(self._commit_point.parent)
            shutil.rmtree(stage)
            self._prune(before, retention)
        return record

    @property
    def _stages(self) -> Path:
        return self.root / ".stage"

    @property
    def _commit_point(self) -> Path:
        if self.package_format == "deb":
            return self._apt().commit_point
        return RpmRepository(self.root).commit_point

    def _apt(self) -> AptRepository:
        return AptRepository(self.root, self.codename)

    def _locked(self) -> Any:
        return files.lock(self.root / ".lock")

    def _base(self) -> str | None:
        """What the commit point is now."""
        return files.sha256(self._commit_point) if self._commit_point.exists() else None

    def _in_use(self) -> set[Path]:
        if not self._commit_point.exists():
            return set()
        return (
            self._apt().in_use()
            if self.package_format == "deb"
            else RpmRepository(self.root).in_use()
        )

    def _prune(self, before: set[Path], retention: float) -> None:
        """Slow clients still read what the generation before refers to: keep it for a while."""
        used = self._in_use()
        files.touch(before - used)
        for folder in ("pool", "dists", "Packages", "repodata"):
            if (self.root / folder).is_dir():
                files.remove_older(self.root / folder, used, retention)
        if self._stages.is_dir():
            for stage in self._stages.iterdir():
                shutil.rmtree(stage)

    def _verified(self, inrelease: Path | None, release: Path) -> bytes:
        if inrelease is None:
            raise BadRequest("an APT repository is committed with --inrelease, the signed Release")
        key = self.root / KEY
        if not key.is_file():
            raise BadRequest(f"{key} is missing: put the repository's public key there")
        with tempfile.TemporaryDirectory() as folder:
            keyring, clear = Path(folder) / "keyring.gpg", Path(folder) / "clear"
            _gpg(["gpg", "--homedir", folder, "--dearmor", "--output", str(keyring), str(key)])
            _gpg(
                ["gpgv", "--keyring", str(keyring), "--output", str(clear), str(inrelease)],
                wrong=f"{inrelease} is not signed by the key in {key}",
            )
            if clear.read_bytes().rstrip() != release.read_bytes().rstrip():
                raise BadRequest(f"{inrelease} signs another text than the staged Release")
        return inrelease.read_bytes()


def _gpg(command: list[str], wrong: str = "the public key cannot be read") -> None:
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if result.returncode != 0:
        raise BadRequest(wrong, result.stderr[-1000:])
