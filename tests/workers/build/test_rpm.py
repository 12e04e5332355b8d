"""Real RPM builds in real roots."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import createrepo_c
import pytest

from tests.workers.build.repositories import repository, served
from tests.workers.repository.programs import Signer, end_agent
from workers.files import sha256

if TYPE_CHECKING:
    from tests.workers.as_user import Outcome, Worker

_PACKAGES = Path(__file__).parents[2] / "fixtures" / "packages"

pytestmark = pytest.mark.usefixtures("rpm_build_root")


class _Count:
    """The package ``count``: a source tree and a packaging tree that a test may change."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.source = worker.tree(_PACKAGES / "count")
        self.packaging = worker.tree(_PACKAGES / "count-packaging")
        self.out = Path()

    def edit(self, old: str, new: str) -> None:
        """Replace text of the spec."""
        spec = self.packaging / "count.spec"
        assert old in spec.read_text()
        spec.write_text(spec.read_text().replace(old, new))

    def build(self, *options: str, spec: str = "count.spec", dist: str = ".lg7") -> Outcome:
        self.out = self._worker.folder("out")
        return self._worker.program(
            *("build", "rpm", "--source", self.source, "--packaging", self.packaging),
            *("--spec", spec, "--dist", dist, "--out", self.out, "--roots", self._worker.roots),
            *options,
        )


@pytest.fixture
def count(worker: Worker) -> _Count:
    """A small RPM package to build."""
    return _Count(worker)


def _header(path: Path) -> Any:
    return createrepo_c.package_from_rpm(str(path))


def test_source_package_and_packages_are_built_and_described(count: _Count) -> None:
    outcome = count.build()
    answer = outcome.answer
    assert outcome.status == 0, answer
    (package,) = answer["packages"]
    assert (
        package.items()
        >= {
            "file": "count-1.2-1.lg7.x86_64.rpm",
            "name": "count",
            "version": "1.2",
            "release": "1.lg7",
            "architecture": "x86_64",
            "size": (count.out / package["file"]).stat().st_size,
        }.items()
    )
    assert answer["source"]["file"] == "count-1.2-1.lg7.src.rpm"
    assert answer["source"]["architecture"] == "src"
    assert answer["source_date_epoch"] == 1704067200
    assert set(answer["files"]) == {package["file"], "count-1.2-1.lg7.src.rpm"}
    header = _header(count.out / package["file"])
    assert header.time_build == answer["source_date_epoch"]
    assert header.rpm_buildhost == "lockgate"
    assert header.pkgId == package["sha256"] == answer["files"][package["file"]]
    assert len(package["header_sha256"]) == len(package["payload_digest"]) == 64


def test_source_package_holds_tree_spec_and_patch(count: _Count) -> None:
    count.build()
    source = _header(count.out / "count-1.2-1.lg7.src.rpm")
    assert {entry[2] for entry in source.files} == {
        "count-1.2.tar.gz",
        "count-from-zero.patch",
        "count.spec",
    }


def test_same_trees_give_same_bits(worker: Worker, count: _Count) -> None:
    first = count.build().answer
    other = _Count(worker)
    for path in (*other.source.iterdir(), *other.packaging.iterdir()):
        os.utime(path, (1, 1))
    second = other.build().answer
    assert first["files"] == second["files"]
    assert first["packages"][0]["header_sha256"] == second["packages"][0]["header_sha256"]


def test_another_folder_and_compression_as_the_spec_says(count: _Count, tmp_path: Path) -> None:
    count.edit("%{name}-%{version}.tar.gz", "v%{version}.tar.xz")
    count.edit("%autosetup -p1", "%autosetup -p1 -n release-%{version}")
    outcome = count.build()
    assert outcome.status == 0, outcome.answer
    unpack = f"rpm2cpio {count.out / outcome.answer['source']['file']} | cpio --extract --quiet"
    subprocess.run(["sh", "-c", unpack], cwd=tmp_path, check=True)
    used = outcome.answer["inputs"]["options"]["source_archive"]
    assert used == sha256(tmp_path / "v1.2.tar.xz")
    files = {entry[2] for entry in _header(count.out / outcome.answer["source"]["file"]).files}
    assert "v1.2.tar.xz" in files


def test_a_compilers_error_is_the_reason(count: _Count) -> None:
    (count.source / "count.c").write_text("int main(void) { return x; }\n")
    count.edit("Patch0: count-from-zero.patch\n", "")
    outcome = count.build()
    assert outcome.status == 1
    assert outcome.answer["reason"].startswith("building failed: count.c:1:")
    assert "undeclared (first use in this function)" in outcome.answer["reason"]


def test_a_failing_command_is_named(count: _Count) -> None:
    count.edit("gcc -O2", "cd nowhere; gcc -O2")
    outcome = count.build()
    assert outcome.answer["reason"].endswith("cd: can't cd to nowhere")


def test_a_failing_check_is_the_changes_fault(count: _Count) -> None:
    count.edit('" = 2', '" = 7')
    outcome = count.build()
    assert outcome.status == 1
    assert "Bad exit status from" in outcome.answer["detail"]


def test_build_requirements_come_from_the_given_repository(
    worker: Worker, count: _Count, tmp_path: Path
) -> None:
    first = count.build().answer
    folder = worker.folder("repository")
    ahead = repository("rpm", folder, count.out, first["packages"][:1], tmp_path / "home")
    needing = _Count(worker)
    needing.edit("BuildRequires: gcc\n", "BuildRequires: gcc\nBuildRequires: count >= 1.2\n")
    needing.edit("gcc -O2", "count 1 && gcc -O2")
    missing = needing.build()
    assert missing.status == 1
    assert "count >= 1.2 is needed by count-1.2-1.lg7" in missing.answer["detail"]
    with served(folder) as url:
        outcome = needing.build("--served", url, "--ahead", ahead)
        assert outcome.status == 0, outcome.answer
        needing.edit("count >= 1.2", "count >= 9")
        nowhere = needing.build("--served", url, "--ahead", ahead)
        assert nowhere.answer["outcome"] == "change-fault", nowhere.answer
        assert nowhere.answer["reason"].endswith("No matching package to install: 'count >= 9'")
        # Of repositories that it was not given the package manager says nothing.
        assert "_dnf_local" not in (needing.out / "build.log").read_text()
    unreachable = needing.build("--served", url, "--ahead", ahead)
    assert unreachable.answer["outcome"] == "infrastructure"


def test_build_requirements_come_from_a_base_repository(
    worker: Worker, count: _Count, tmp_path: Path
) -> None:
    built = count.build().answer["packages"][0]["file"]
    chosen = worker.folder("chosen")
    (count.out / built).rename(chosen / built)
    signer = Signer.make(tmp_path / "signer")
    signed = signer.rpms(chosen, tmp_path / "signed")
    end_agent(tmp_path / "signer")
    folder = worker.folder("base")
    made = repository("rpm", folder, signed, [{"file": built}], tmp_path / "key" / "home")
    (folder / "key.asc").write_text(signer.public_keys["rpm"])
    needing = _Count(worker)
    needing.edit("BuildRequires: gcc\n", "BuildRequires: gcc\nBuildRequires: count >= 1.2\n")
    with served(folder) as url:
        base = {
            "url": f"{url}/{json.loads(made)['path']}",
            "key_url": f"{url}/key.asc",
            "fingerprints": [signer.fingerprints["rpm"]],
        }
        outcome = needing.build("--base", json.dumps(base))
        assert outcome.status == 0, outcome.answer
        (used,) = outcome.answer["inputs"]["dependencies"]
        assert used.endswith(built)
        stranger = needing.build("--base", json.dumps({**base, "fingerprints": ["0" * 40]}))
        assert stranger.answer["outcome"] == "infrastructure"
        wrong = needing.build("--base", json.dumps({**base, "url": "file:///etc"}))
        assert wrong.answer["outcome"] == "bad-request"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("Name: count", "Name: count;id", "Illegal char ';'"),
        ("Version: 1.2", "Version: 1.2/../x", "count.spec"),
        ("Source0: https://example.org/%{name}-%{version}.tar.gz", "", "no Source0"),
        ("%{name}-%{version}.tar.gz", "count.zip", "must end in .tar.gz"),
        ("%autosetup -p1", "%setup -q -n ../x", "%setup: file name '../x' is not allowed"),
        ("* Mon Jan 01 2024", "# Mon Jan 01 2024", "count.spec"),
    ],
)
def test_a_bad_spec_is_refused(count: _Count, old: str, new: str, reason: str) -> None:
    count.edit(old, new)
    outcome = count.build()
    assert outcome.status == 1
    assert reason in outcome.answer["reason"] + outcome.answer["detail"]


def test_macros_that_run_commands_find_nothing_of_the_host(worker: Worker, count: _Count) -> None:
    home = worker.user.pw_dir
    probe = f"%(ls {home} >/dev/null 2>&1 && echo 9 || echo 1; env | grep s3cret)"
    count.edit("Release: 1%", f"Release: {probe}%")
    outcome = count.build()
    assert outcome.answer["source"]["release"] == "1.lg7"


def test_an_archive_in_the_packaging_is_refused(count: _Count) -> None:
    (count.packaging / "count-1.2.tar.gz").write_bytes(b"")
    outcome = count.build()
    assert outcome.status == 1
    assert "commit the source unpacked instead" in outcome.answer["reason"]


def test_an_archive_listed_beside_the_spec_may_be_in_the_source(count: _Count) -> None:
    (count.source / "tests").mkdir()
    (count.source / "tests/sample.zip").write_bytes(b"")
    assert count.build().status == 1
    (count.packaging / "allowed-archives").write_text("tests/sample.zip\n")
    outcome = count.build()
    assert outcome.status == 0, outcome.answer


@pytest.mark.parametrize(
    ("spec", "dist"),
    [
        ("../count.spec", ".lg7"),
        ("count.txt", ".lg7"),
        ("count.spec", ".lg7 --x"),
        ("count.spec", "%{evil}"),
    ],
)
def test_bad_requests_are_refused(count: _Count, spec: str, dist: str) -> None:
    assert count.build(spec=spec, dist=dist).answer["outcome"] == "bad-request"
