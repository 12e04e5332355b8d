"""A DEB tree is read before anything in it is run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from workers.build.deb_source import DebSource, read_deb_source
from workers.outcome import ChangeFault

_GREET = Path(__file__).parents[2] / "fixtures" / "packages" / "greet"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of a small package's tree."""
    return shutil.copytree(_GREET, tmp_path / "greet")


def _edit(tree: Path, name: str, old: str, new: str) -> None:
    path = tree / "debian" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_control_and_changelog_are_read(tree: Path) -> None:
    source = read_deb_source(tree)
    assert source == DebSource(
        name="greet",
        version="1.0-2",
        format="3.0 (quilt)",
        epoch=1704189600,
        upstream_epoch=1704103200,
        packages=frozenset({"greet"}),
    )
    assert (source.folder, source.file_version, source.upstream_version) == (
        "greet-1.0",
        "1.0-2",
        "1.0",
    )


def test_an_epoch_is_in_no_file_name(tree: Path) -> None:
    _edit(tree, "changelog", "(1.0-2)", "(2:1.0-rc1-2)")
    source = read_deb_source(tree)
    assert (source.version, source.file_version) == ("2:1.0-rc1-2", "1.0-rc1-2")
    assert (source.upstream_version, source.folder) == ("1.0-rc1", "greet-1.0-rc1")
    assert source.upstream_epoch == source.epoch


@pytest.mark.parametrize(
    ("name", "old", "new", "reason"),
    [
        (
            "control",
            "Source: greet",
            "Source: ../../etc",
            "package name '../../etc' is not allowed",
        ),
        ("control", "Source: greet", "Source: a$(id)", r"package name 'a\$\(id\)' is not allowed"),
        ("control", "Package: greet", "Package: -rf", "package name '-rf' is not allowed"),
        (
            "control",
            "Source: greet",
            "Source: other",
            "changelog is for 'greet' but debian/control",
        ),
        ("control", "Source:", "Sauce:", "does not begin with a Source paragraph"),
        ("control", "\nPackage: greet", "\nX: y", "package name '' is not allowed"),
        ("changelog", "(1.0-2)", "(1.0;id-2)", "debian/changelog"),
        ("changelog", "(1.0-2)", "(../1.0-2)", "debian/changelog"),
        ("changelog", "(1.0-2)", "(1.0)", "has no Debian revision, which source format 3.0"),
        ("changelog", "02 Jan 2024", "42 Foo 2024", "is no date"),
        ("changelog", "02 Jan 2024", "02 Jan 1924", "out of range"),
        ("source/format", "3.0 (quilt)", "3.0 (native)", "has a Debian revision"),
        ("source/format", "3.0 (quilt)", "3.0 (git)", "'3.0 \\(git\\)' is not supported"),
    ],
)
def test_what_is_wrong_is_said(tree: Path, name: str, old: str, new: str, reason: str) -> None:
    _edit(tree, name, old, new)
    with pytest.raises(ChangeFault, match=reason):
        read_deb_source(tree)


@pytest.mark.parametrize("name", ["control", "changelog", "rules"])
def test_a_missing_file_is_named(tree: Path, name: str) -> None:
    (tree / "debian" / name).unlink()
    with pytest.raises(ChangeFault, match=f"debian/{name} is missing"):
        read_deb_source(tree)


def test_no_source_format_means_the_first(tree: Path) -> None:
    (tree / "debian/source/format").unlink()
    assert read_deb_source(tree).format == "1.0"


def test_an_upstream_archive_is_refused(tree: Path) -> None:
    (tree / "greet_1.0.orig.tar.gz").write_bytes(b"")
    with pytest.raises(ChangeFault, match=r"holds a source archive: 'greet_1\.0\.orig\.tar\.gz'"):
        read_deb_source(tree)
