"""Source packages are published with the packages that were built of them."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.workers.install_test.served import Deb, Rpm
from tests.workers.repository.clients import Dnf
from tests.workers.repository.generations import files_of, published
from tests.workers.repository.programs import program, refused, succeeded

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workers.repository.clients import Client
    from tests.workers.repository.programs import ReleaseRepository

_CONTROL = """\
Source: demo
Maintainer: Ann <ann@example.org>
Standards-Version: 4.6.2

Package: demo
Architecture: all
Description: of a test
"""


class Debs:
    """Makes folders with a DEB package, its source package and its upstream archive."""

    def __init__(self, top: Path) -> None:
        self._top = top

    def make(self, revision: int, archive: Path) -> Path:
        """One of upstream version 1.0, of which an archive is given."""
        folder = self._top / f"{revision}-{archive.parent.name}"
        tree = folder / "demo-1.0"
        (tree / "debian/source").mkdir(parents=True)
        (tree / "upstream").write_text((archive.parent / "demo-1.0/upstream").read_text())
        (tree / "debian/control").write_text(_CONTROL)
        (tree / "debian/source/format").write_text("3.0 (quilt)\n")
        (tree / "debian/changelog").write_text(
            f"demo (1.0-{revision}) unstable; urgency=low\n\n  * New.\n\n"
            " -- Ann <ann@example.org>  Thu, 01 Jan 2026 00:00:00 +0000\n"
        )
        shutil.copy(archive, folder)
        build = ("dpkg-source", "--build", tree.name)
        subprocess.run(build, cwd=folder, check=True, capture_output=True)
        shutil.rmtree(tree)
        Deb("demo", f"1.0-{revision}").make(self._top / "scratch", folder)
        return folder

    def archive(self, text: str) -> Path:
        """The upstream archive of a tree that holds a text."""
        folder = self._top / text
        (folder / "demo-1.0").mkdir(parents=True)
        (folder / "demo-1.0/upstream").write_text(text)
        path = folder / "demo_1.0.orig.tar.gz"
        pack = ("tar", "--create", "--gzip", "--file", path.name, "demo-1.0")
        subprocess.run(pack, cwd=folder, check=True)
        return path


@pytest.mark.parametrize("package_format", ["deb"])
def test_another_upstream_archive_of_the_same_version_is_refused_before_the_merge(
    release: ReleaseRepository, tmp_path: Path
) -> None:
    debs = Debs(tmp_path / "debs")
    archive = debs.archive("upstream")
    release.publish(debs.make(1, archive))
    release.publish(debs.make(2, archive))
    assert {"demo_1.0-2.dsc", "demo_1.0.orig.tar.gz", "demo_1.0-2.debian.tar.xz"} < {
        path.name for path in files_of(release, published(release))
    }
    edited = debs.make(3, debs.archive("edited"))
    expected = (
        "demo_1.0.orig.tar.gz is already published with other content; raise the version (the "
        "upstream version, when it is an upstream archive)"
    )
    for outcome in (release.accepts(edited), program(*release.stage_arguments(edited))):
        assert refused(outcome, 1) == expected


@pytest.mark.parametrize("package_format", ["deb"])
def test_a_source_package_that_lacks_a_file_is_refused(
    release: ReleaseRepository, tmp_path: Path
) -> None:
    debs = Debs(tmp_path / "debs")
    folder = debs.make(1, debs.archive("upstream"))
    (folder / "demo_1.0.orig.tar.gz").unlink()
    assert "demo_1.0-1.dsc lists demo_1.0.orig.tar.gz" in refused(release.accepts(folder), 2)


@pytest.mark.parametrize("package_format", ["deb"])
def test_an_epoch_alone_is_no_new_file_name(release: ReleaseRepository, tmp_path: Path) -> None:
    for version in ("1.0-1", "1:1.0-1"):
        (tmp_path / version).mkdir()
        deb = Deb("demo", version)
        deb.make(tmp_path / "scratch", tmp_path / "made.deb")
        (tmp_path / "made.deb").rename(tmp_path / version / "demo_1.0-1_all.deb")
    release.publish(tmp_path / "1.0-1")
    reason = refused(release.accepts(tmp_path / "1:1.0-1"), 1)
    assert "demo_1.0-1_all.deb is already published with other content" in reason


@pytest.mark.parametrize("package_format", ["rpm"])
def test_dnf_finds_the_source_and_never_installs_it(
    release: ReleaseRepository, reader: Client, tmp_path: Path
) -> None:
    for version in ("1.0", "1.1"):
        made, folder = tmp_path / f"made-{version}", tmp_path / f"built-{version}"
        folder.mkdir()
        rpm = Rpm("demo", version, files={"usr/share/demo": version}, with_source=True)
        rpm.make(tmp_path / "scratch", made)
        for file in made.glob("*/*.rpm"):
            shutil.copy(file, folder)
        release.publish(release.signer.rpms(folder, tmp_path / f"signed-{version}"))
    (accepted, source) = succeeded(release.accepts(folder))["packages"]
    assert (accepted["architecture"], source["architecture"]) == ("noarch", "src")
    assert isinstance(reader, Dnf)
    reader.update()
    assert reader.versions("demo") == {"1.0", "1.1"}
    signed = tmp_path / "signed-1.1/demo-1.1-1.src.rpm"
    assert reader.download_source("demo") == signed.read_bytes()
    reader.install("demo")
    assert (reader.state / "root/usr/share/demo").read_text() == "1.1"
