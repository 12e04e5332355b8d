"""An audit finds each byte that is not as it was published, and nothing else."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.workers.repository.generations import commit_point
from tests.workers.repository.programs import program, succeeded
from workers.provenance.readers import Folder

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workers.provenance.conftest import Audited
    from tests.workers.repository.programs import Packages
    from tests.workers.repository.web import Served


def test_what_was_published_holds(audited: Audited, served: Served) -> None:
    assert audited.findings() == []
    status, lines = audited.audit(*audited.by_address, where=f"{served.url}/release")
    assert status == 0
    assert re.fullmatch(f"generation {audited.stamps[0]} of main, [0-9:]+ old", lines[0])
    assert lines[1:] == ["2 files, 2 records, 0 published past the gate, 0 staged, 0 findings"]


def test_also_after_going_back_and_forgetting(audited: Audited, packages: Packages) -> None:
    release, first_record = audited.release, audited.record("1.0")
    first = json.loads((audited.root / "generations/index.json").read_bytes())[-1]["generation"]
    staged = succeeded(program(*release.arguments("rollback", "--to", first)))
    succeeded(release.commit(staged, release.sign(staged)))
    assert audited.findings() == []
    release.publish(packages.make(release.package_format, "1.2"), retention=0)
    assert audited.findings() == []
    left = {path.name for path in (audited.root / "provenance").rglob("demo*.json")}
    assert len(left) == 2  # 1.0, which was gone back to, and 1.2
    release.publish(packages.make(release.package_format, "1.3"), retention=0)
    assert not first_record.exists()
    assert audited.findings() == []


def test_a_changed_package_is_named(audited: Audited) -> None:
    package = audited.package("1.0")
    content = bytearray(package.read_bytes())
    content[-1] ^= 1
    package.write_bytes(content)
    (found,) = audited.findings()
    assert found.startswith(f"changed: {package.relative_to(audited.root)}: its SHA-256 is ")


def test_a_missing_package_is_named(audited: Audited) -> None:
    package = audited.package("1.1")
    package.unlink()
    (found,) = audited.findings()
    assert found.startswith(f"missing: {package.relative_to(audited.root)}: ")


def test_strangers_are_named(audited: Audited) -> None:
    for path in ("stranger", "pool/x.deb", "Packages/x.rpm", "repodata/x.xml.gz"):
        (audited.root / path).parent.mkdir(exist_ok=True)
        (audited.root / path).write_text("not ours")
    found = {line.split(": ")[1] for line in audited.findings() if line.startswith("stranger: ")}
    assert found == {"stranger", "pool/x.deb", "Packages/x.rpm", "repodata/x.xml.gz"}


def test_what_is_staged_is_told_and_no_stranger(audited: Audited, packages: Packages) -> None:
    audited.release.stage(packages.make(audited.release.package_format, "1.2"))
    assert audited.findings() == []
    _, lines = audited.audit()
    assert f"staged, not published: {audited.name('1.2')}" in lines
    plan = audited.root / ".stage/x/plan.json"
    plan.parent.mkdir()
    plan.write_text("{}")
    (found,) = audited.findings()
    assert found.startswith("damaged: .stage/x/plan.json: ")


def test_what_is_published_meanwhile_is_no_finding(
    audited: Audited, packages: Packages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And whatever it finds each time is one."""
    list_paths, versions = Folder.paths, iter(("1.2", "1.3", "1.4"))

    def publish_and_list(folder: Folder) -> dict[str, str | None] | None:
        package = packages.make(audited.release.package_format, next(versions))
        audited.release.publish(package, retention=0)
        return list_paths(folder)

    monkeypatch.setattr(Folder, "paths", publish_and_list)
    (audited.root / "x").touch()
    assert audited.findings() == ["stranger: x: nothing that is signed leads to it"]
    assert list(versions) == []


def test_a_missing_record_is_named(audited: Audited) -> None:
    audited.record("1.0").unlink()
    (found,) = audited.findings()
    assert found.startswith(f"no-record: {audited.package('1.0').relative_to(audited.root)}: ")


def test_a_record_of_something_else_is_named(audited: Audited) -> None:
    audited.record("1.0").unlink()
    audited.record("1.0").hardlink_to(audited.record("1.1"))
    (found,) = audited.findings()
    assert "it says nothing of this file" in found


def test_a_changed_record_is_named(audited: Audited) -> None:
    envelope = json.loads(audited.record("1.0").read_bytes())
    payload = envelope["payload"]
    envelope["payload"] = payload[:40] + ("A" if payload[40] != "A" else "B") + payload[41:]
    audited.record("1.0").write_text(json.dumps(envelope))
    (found,) = audited.findings()
    assert found.startswith("bad-record: ")
    assert "it is not signed by a key in" in found


def test_nothing_holds_by_a_strangers_key(audited: Audited, foreign_key: Path) -> None:
    _, lines = audited.audit("--key", foreign_key)
    point = commit_point(audited.release).relative_to(audited.root)
    assert any(line.startswith(f"unsigned: {point}: ") for line in lines)


def test_a_damaged_index_is_named(audited: Audited) -> None:
    kind = audited.release.package_format
    (index,) = list(
        audited.root.glob(
            "dists/*/main/*/Packages.gz" if kind == "deb" else "repodata/primary.xml.gz"
        )
    )
    index.write_bytes(index.read_bytes() + b"\0")  # all names of it are one file
    found = audited.findings()
    assert f"changed: {index.relative_to(audited.root)}" in {
        ": ".join(x.split(": ")[:2]) for x in found
    }


@pytest.mark.parametrize("package_format", ["rpm"])
def test_a_package_without_signature_is_named(audited: Audited, packages: Packages) -> None:
    """As if the publisher had been made to publish what the signer has not seen."""
    release = audited.release
    staged = release.stage_unsigned(packages.unsigned("rpm", "1.2"))
    succeeded(release.commit(staged, release.sign(staged)))
    (found,) = audited.findings()
    assert found.startswith(f"unsigned: {audited.package('1.2').relative_to(audited.root)}: ")


@pytest.mark.parametrize("package_format", ["deb"])
class TestRefusals:
    """What cannot be audited is told."""

    def test_no_repository(self, audited: Audited, tmp_path: Path) -> None:
        status, (told,) = audited.audit(where=str(tmp_path / "nowhere"))
        assert status == 2
        assert "is no folder" in told

    def test_keys_that_are_none(self, audited: Audited, tmp_path: Path) -> None:
        (tmp_path / "none.asc").write_text("-----BEGIN PGP PUBLIC KEY BLOCK-----")
        status, (told,) = audited.audit("--key", tmp_path / "none.asc")
        assert status == 2
        assert "holds no public key" in told

    def test_an_empty_folder(self, audited: Audited, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        status, (told,) = audited.audit(where=str(tmp_path / "empty"))
        assert status == 2
        assert "neither repodata/repomd.xml nor" in told

    def test_a_server_that_is_not_there(self, audited: Audited, served: Served) -> None:
        shutil.rmtree(audited.root)
        status, _ = audited.audit(where=f"{served.url}/release")
        assert status == 2  # answers, and has nothing
        status, (told,) = audited.audit(where="http://127.0.0.1:9/release")
        assert status == 75
        assert "cannot be read" in told
