"""Test repositories of changes: complete when seen, never changed, read by real clients."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.workers.repository.clients import ClientFailed, Dnf
from tests.workers.repository.generations import everything
from tests.workers.repository.programs import (
    CODENAME,
    end_agent,
    program,
    refused,
    start,
    succeeded,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.workers.repository.programs import Format, Packages
    from tests.workers.repository.web import Served

_AT_ONCE = 4


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The repository worker's GnuPG home, whose key is made by the first use."""
    path = tmp_path_factory.mktemp("worker") / "home"
    yield path
    if path.exists():
        end_agent(path)


def test_a_client_reads_it(
    served: Served, package_format: Format, packages: Packages, home: Path
) -> None:
    folder = packages.unsigned(package_format, "1.0")
    made = succeeded(
        program(*_arguments(package_format, "main-demo-1-7", served.folder, folder, home))
    )
    assert made["path"] == "test/main-demo-1-7"
    assert made["format"] == package_format
    assert [(p["name"], p["version"]) for p in made["packages"]] == [("demo", "1.0-1")]
    key = None if made["key"] is None else served.folder / made["key"]
    assert (key is None) == (package_format == "rpm")
    client = served.client(package_format, made["path"], key)
    client.update()
    assert client.versions("demo") == {"1.0"}
    (file,) = folder.iterdir()
    assert client.download("demo") == file.read_bytes()
    if isinstance(client, Dnf):
        client.install("demo")


def test_apt_tells_it_from_others_by_its_signature_and_origin(
    served: Served, packages: Packages, home: Path, foreign_key: Path
) -> None:
    folder = packages.make("deb", "1.0")
    made = succeeded(program(*_arguments("deb", "one", served.folder, folder, home)))
    other = succeeded(program(*_arguments("deb", "two", served.folder, folder, home)))
    assert made["origin"] != other["origin"]
    inrelease = served.folder / made["path"] / "dists" / CODENAME / "InRelease"
    assert f"\nOrigin: {made['origin']}\n" in inrelease.read_text()
    stranger = served.client("deb", made["path"], foreign_key)
    with pytest.raises(ClientFailed, match="signature"):
        stranger.update()


def test_an_id_is_used_once(
    served_folder: Path, package_format: Format, packages: Packages, home: Path
) -> None:
    folder = packages.unsigned(package_format, "1.0")
    succeeded(program(*_arguments(package_format, "twice", served_folder, folder, home)))
    before = everything(served_folder)
    newer = packages.unsigned(package_format, "1.1")
    again = program(*_arguments(package_format, "twice", served_folder, newer, home))
    assert "exists already" in refused(again, 2)
    assert everything(served_folder) == before
    assert [path.name for path in (served_folder / "test").iterdir()] == ["twice"]


def test_of_several_at_once_with_one_id_one_wins(
    served_folder: Path, package_format: Format, packages: Packages, home: Path
) -> None:
    folder = packages.unsigned(package_format, "1.0")
    succeeded(program(*_arguments(package_format, "before", served_folder, folder, home)))
    started = [
        start(*_arguments(package_format, "one", served_folder, folder, home))
        for _ in range(_AT_ONCE)
    ]
    said = [process.communicate(timeout=60) for process in started]
    statuses = sorted(process.returncode for process in started)
    assert statuses == [0] + [2] * (_AT_ONCE - 1), said
    assert sorted(path.name for path in (served_folder / "test").iterdir()) == ["before", "one"]


@pytest.mark.parametrize("name", ["../x", "a b", "a\nb", "a/b", ".hidden", "Upper", "x" * 200, ""])
def test_a_bad_id_is_refused(
    served_folder: Path, packages: Packages, home: Path, name: str
) -> None:
    folder = packages.unsigned("deb", "1.0")
    arguments = _arguments("deb", name, served_folder, folder, home)
    assert "identifier" in refused(program(*arguments), 2)
    assert [path.name for path in served_folder.parent.iterdir()] == [served_folder.name]
    assert not list(served_folder.iterdir())


def test_what_is_no_package_is_refused_and_leaves_nothing(
    served_folder: Path,
    package_format: Format,
    packages: Packages,
    home: Path,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "with-junk"
    shutil.copytree(packages.unsigned(package_format, "1.0"), folder)
    (folder / f"junk.{package_format}").write_bytes(b"!<arch>\n no package at all")
    outcome = program(*_arguments(package_format, "junk-1", served_folder, folder, home))
    assert outcome.status in (1, 2), outcome.said
    assert "junk" in refused(outcome, outcome.status)
    assert not everything(served_folder)


def _arguments(
    package_format: Format, name: str, served: Path, folder: Path, home: Path
) -> list[str | Path]:
    which = ("--format", package_format, f"--id={name}", "--codename", CODENAME)
    return [
        *("repository", "test", *which),
        *("--served", served, "--packages", folder, "--home", home),
    ]
