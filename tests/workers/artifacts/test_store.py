"""Artifacts come whole and unchanged, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.workers.build.repositories import served
from workers.artifacts.store import Artifacts, describe, fetch
from workers.outcome import BadRequest, InfrastructureFault

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "artifacts"
    made.mkdir()
    (made / "a_1.deb").write_bytes(b"package")
    (made / "build.log").write_bytes(b"")
    (made / "below").mkdir()
    (made / "link").symlink_to("a_1.deb")
    return made


def test_what_is_described_can_be_fetched(folder: Path, tmp_path: Path) -> None:
    with served(folder) as url:
        artifacts = describe(folder, url)
        fetch(artifacts, tmp_path / "into")
    found = {path.name: path.read_bytes() for path in (tmp_path / "into").iterdir()}
    assert found == {"a_1.deb": b"package", "build.log": b""}


def test_another_fetch_replaces_the_folder(folder: Path, tmp_path: Path) -> None:
    into = tmp_path / "into"
    into.mkdir()
    (into / "of-before").touch()
    with served(folder) as url:
        fetch(describe(folder, url), into)
    assert {path.name for path in into.iterdir()} == {"a_1.deb", "build.log"}


def test_changed_bytes_are_refused(folder: Path, tmp_path: Path) -> None:
    with served(folder) as url:
        artifacts = describe(folder, url)
        (folder / "a_1.deb").write_bytes(b"another")
        with pytest.raises(InfrastructureFault, match=r"a_1\.deb has SHA-256"):
            fetch(artifacts, tmp_path / "into")
    assert not (tmp_path / "into").exists()


def test_a_file_that_is_gone_is_told(folder: Path, tmp_path: Path) -> None:
    with served(folder) as url:
        artifacts = describe(folder, url)
        (folder / "a_1.deb").unlink()
        with pytest.raises(InfrastructureFault, match="cannot fetch"):
            fetch(artifacts, tmp_path / "into")
    assert not (tmp_path / "into").exists()


def test_a_server_that_is_gone_is_told(folder: Path, tmp_path: Path) -> None:
    with served(folder) as url:
        artifacts = describe(folder, url)
    with pytest.raises(InfrastructureFault, match="cannot fetch"):
        fetch(artifacts, tmp_path / "into")
    assert not (tmp_path / "into").exists()


@pytest.mark.parametrize("name", ["../a_1.deb", "/etc/passwd", "a/b", "a b", ".hidden", ""])
def test_a_name_that_leads_elsewhere_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    with served(folder) as url, pytest.raises(BadRequest, match="file name"):
        fetch(Artifacts(url=url, files={name: "00"}), tmp_path / "into")
    assert not (tmp_path / "into").exists()


def test_a_file_whose_name_is_not_allowed_is_not_described(folder: Path) -> None:
    (folder / "a b.deb").touch()
    with pytest.raises(BadRequest, match="file name"):
        describe(folder, "http://localhost")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="there is no folder"):
        describe(tmp_path / "none", "http://localhost")
