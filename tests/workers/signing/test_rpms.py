"""Signing RPM packages: accepted by stock rpm, and still what was tested."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.workers.repository.programs import RECORD, Packages, Signer, program
from workers.files import sha256
from workers.repository.rpm import identity

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def signer(home: Path) -> Signer:
    """Whose keys sign here."""
    return Signer.make(home)


@pytest.fixture
def built(tmp_path: Path, signer: Signer) -> Path:
    """A folder with a package as it was built."""
    return Packages(tmp_path / "made", signer).unsigned("rpm", "1.0")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()


def _checked(package: Path, key: str, folder: Path) -> str:
    """What rpmkeys(8) says of a package when it knows one key."""
    (folder / "key.asc").write_text(key)
    database = ["--dbpath", str(folder / "rpmdb")]
    subprocess.run(["rpmkeys", *database, "--import", folder / "key.asc"], check=True)
    command = ["rpmkeys", *database, "--checksig", "--verbose", str(package)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_stock_rpm_accepts_the_signature(signer: Signer, built: Path, tmp_path: Path) -> None:
    signed = signer.rpms(built, tmp_path / "signed")
    (package,) = signed.glob("*.rpm")
    said = _checked(package, (signed / "key.asc").read_text(), tmp_path)
    short = signer.fingerprints["rpm"][-8:].lower()
    assert f"V4 RSA/SHA256 Signature, key ID {short}: OK" in said or (
        f"V4 RSA/SHA512 Signature, key ID {short}: OK" in said
    )
    assert "NOTFOUND" not in said


def test_what_was_built_stays_what_is_signed(signer: Signer, built: Path, tmp_path: Path) -> None:
    (before,) = built.glob("*.rpm")
    (after,) = signer.rpms(built, tmp_path / "signed").glob("*.rpm")
    assert identity(before) == identity(after)
    assert before.read_bytes() != after.read_bytes()
    (entry,) = [json.loads(line) for line in (signer.home / "signed.log").read_text().splitlines()]
    assert entry["what"] == before.name
    assert (entry["repository"], entry["requester"]) == ("tests/rpm", "Ann")
    assert entry["sha256"] == sha256(before)
    assert f"{entry['rpmHeaderSha256']} {entry['rpmPayloadSha256']}" == identity(after)


def _refused(signer: Signer, folder: Path, built: dict[str, str], out: Path) -> str:
    """Why the packages of a folder are not signed when these files were built."""
    record = folder.with_name("record.json")
    digests = {name: {"sha256": of} for name, of in built.items()}
    record.write_text(json.dumps(RECORD | {"built": digests}))
    outcome = program(
        *("sign", "rpm", "--home", signer.home, "--key", signer.fingerprints["rpm"]),
        *("--in", folder, "--out", out, "--record", record),
        *("--repository", "main/rpm", "--build", "1", "--requester", "Ann"),
    )
    assert outcome.status == 2
    assert not out.exists()
    return str(outcome.answer["reason"])


def test_a_folder_without_packages_is_refused(signer: Signer, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    reason = _refused(signer, tmp_path / "empty", {}, tmp_path / "out")
    assert "holds no RPM package" in reason


def test_what_was_not_built_is_not_signed(signer: Signer, built: Path, tmp_path: Path) -> None:
    (package,) = built.glob("*.rpm")
    reason = _refused(signer, built, {"demo.rpm": sha256(package)}, tmp_path / "out")
    assert f"{package.name} is none of the files that were built" in reason
    reason = _refused(signer, built, {package.name: "0" * 64}, tmp_path / "out")
    assert f"{package.name} is another file than the one that was built" in reason
    assert not (signer.home / "signed.log").exists()


def test_a_damaged_package_is_not_signed(signer: Signer, built: Path, tmp_path: Path) -> None:
    (package,) = built.glob("*.rpm")
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / package.name).write_bytes(package.read_bytes()[:2000])
    digests = {package.name: sha256(damaged / package.name)}
    assert "is no RPM package" in _refused(signer, damaged, digests, tmp_path / "out")
