"""Real Debian source packages: built, published, read by apt, linted, installed."""

from __future__ import annotations

import gzip
import os
import pwd
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from debian.deb822 import Changes, Dsc, Packages, Sources

from tests.packages.apt_client import AptOfSources
from tests.packages.chain import HOST_CODENAME
from tests.packages.table import SOURCE_PACKAGES, SourcePackage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.packages.chain import Published
    from tests.packages.debs import Debs

_BUILT_HERE = {"any", "all", "linux-any", "amd64"}
_NEVER_THE_SAME = (".buildinfo", ".changes")

pytestmark = pytest.mark.usefixtures("deb_build_root", "deb_install_root")


@dataclass(frozen=True)
class _Case:
    package: SourcePackage
    published: Published
    tree: Path


def _params(wanted: Callable[[SourcePackage], bool] = lambda _: True) -> list[Any]:
    return [
        pytest.param(name, id=name, marks=() if package.quick else pytest.mark.packages)
        for name, package in SOURCE_PACKAGES.items()
        if wanted(package)
    ]


@pytest.fixture(scope="module", params=_params())
def case(request: pytest.FixtureRequest, debs: Debs) -> _Case:
    """Each package of the table, published."""
    name: str = request.param
    return _Case(SOURCE_PACKAGES[name], debs.published(name), debs.tree(name))


@pytest.fixture
def index(debs: Debs) -> dict[str, str]:
    """Texts of the release repository's indexes as clients get them."""
    top = debs.chain.release.root / "dists" / HOST_CODENAME / "main"
    paths = {
        "Packages": top / "binary-amd64/Packages.gz",
        "Sources": top / "source/Sources.gz",
        "Contents": top / "Contents-amd64.gz",
    }
    return {name: gzip.decompress(path.read_bytes()).decode() for name, path in paths.items()}


def test_what_the_tree_declares_is_built(case: _Case) -> None:
    answer, folder = case.published.answer, case.published.packages
    version = subprocess.run(
        ["dpkg-parsechangelog", "--file", case.tree / "debian/changelog", "--show-field=Version"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    assert (answer["name"], answer["version"]) == (case.package.source, version)
    (dsc,) = folder.glob("*.dsc")
    declared = {
        (x["package"], x["package-type"])
        for x in Dsc(dsc.read_bytes())["Package-List"]
        if set(_attributes(x["_other"])["arch"].split(",")) & _BUILT_HERE
    }
    built = {
        (x["name"], x["file"].rpartition(".")[2])
        for x in answer["packages"]
        if not x["name"].endswith("-dbgsym")
    }
    assert built == declared
    (changes,) = folder.glob("*.changes")
    assert {x["name"] for x in Changes(changes.read_bytes())["Checksums-Sha256"]} | {
        changes.name
    } == set(answer["files"])


@pytest.mark.parametrize("name", _params(lambda package: bool(package.needs)))
def test_build_dependencies_are_those_of_the_release_repository(name: str, debs: Debs) -> None:
    used = _by_name(debs.published(name).answer["inputs"]["dependencies"])
    for need in SOURCE_PACKAGES[name].needs:
        built = debs.published(need).answer["files"]
        # The base distribution has files of the same names, and not the same bytes.
        shared = used.keys() & built.keys()
        assert shared
        assert {x: used[x] for x in shared} == {x: built[x] for x in shared}


def test_indexes_tell_of_everything(case: _Case, index: dict[str, str]) -> None:
    folder, digests = case.published.packages, case.published.answer["files"]
    indexed = {
        x["SHA256"]: x for x in Packages.iter_paragraphs(index["Packages"], use_apt_pkg=False)
    }
    for deb in folder.glob("*.deb"):
        told = indexed[digests[deb.name]]
        for field in ("Package", "Version", "Architecture", "Depends", "Description"):
            assert told.get(field, "") == _control(deb, field)
        lines = {tuple(x.rsplit(maxsplit=1)) for x in index["Contents"].splitlines()}
        where = f"{told.get('Section', 'unknown')}/{told['Package']}"
        assert {(path, where) for path in _files(deb)} <= lines
    (source,) = [
        x
        for x in Sources.iter_paragraphs(index["Sources"], use_apt_pkg=False)
        if x["Package"] == case.package.source
    ]
    assert source["Version"] == case.published.answer["version"]
    assert {x["name"]: x["sha256"] for x in source["Checksums-Sha256"]} == {
        name: digests[name] for name in case.published.answer["source"]["files"]
    }


def test_apt_fetches_and_unpacks_the_source(case: _Case, debs: Debs, tmp_path: Path) -> None:
    chain = debs.chain
    apt = AptOfSources(tmp_path / "apt", f"{chain.url}/release/deb", chain.key, HOST_CODENAME)
    apt.state.mkdir()
    apt.update()
    unpacked = apt.source(case.package.source)
    assert _content(unpacked) == _content(case.tree)


def test_lint_comes_to_a_verdict(
    case: _Case, debs: Debs, record_property: Callable[[str, object], None]
) -> None:
    outcome = debs.chain.lint(case.published)
    assert outcome.status in (0, 1), outcome.answer
    record_property("lint", outcome.answer["counts"])


def test_each_package_is_installed_by_itself(case: _Case, debs: Debs) -> None:
    outcome = debs.chain.install_test(case.published, "--tests", case.tree)
    assert outcome.status in (0, 1), outcome.answer
    reports = outcome.answer["packages"]
    assert {x["name"] for x in reports} >= set(case.published.binaries)
    failed = {x["name"] for x in reports if x["result"] != "passed"}
    assert failed <= set(case.package.fails), outcome.answer["reason"]


@pytest.mark.parametrize("name", _params())
def test_same_bits_elsewhere_and_later(name: str, debs: Debs) -> None:
    worker = debs.chain.worker
    home = str(worker.folder("home"))
    other = replace(worker, user=pwd.struct_passwd((*worker.user[:5], home, worker.user[6])))
    tree = worker.tree(debs.tree(name))
    for number, path in enumerate(sorted(tree.rglob("*"))):
        os.utime(path, (number, number), follow_symlinks=False)
    again, _ = debs.chain.build("--source", tree, worker=other)
    assert _lasting(again) == _lasting(debs.published(name).answer)


def _lasting(answer: dict[str, Any]) -> dict[str, str]:
    files = answer["files"].items()
    return {name: digest for name, digest in files if not name.endswith(_NEVER_THE_SAME)}


def _by_name(lines: list[str]) -> dict[str, str]:
    """File name -> SHA-256 of what a build says it depends on."""
    return {file: digest for digest, file in (line.split("  ") for line in lines)}


def _attributes(text: str) -> dict[str, str]:
    """What stands at the end of a line of a dsc's Package-List: dsc(5)."""
    return dict(part.split("=", 1) for part in text.split())


def _control(deb: Path, field: str) -> str:
    shown = subprocess.run(
        ["dpkg-deb", "--field", deb, field], check=True, capture_output=True, text=True
    )
    return shown.stdout.rstrip("\n")


def _files(deb: Path) -> set[str]:
    """Paths of what is no folder in a package."""
    archive = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb], check=True, capture_output=True)
    listed = subprocess.run(
        ["tar", "--list", "--verbose", "--quoting-style=literal"],
        input=archive.stdout,
        check=True,
        capture_output=True,
    )
    members = [line.split(maxsplit=5) for line in listed.stdout.decode().splitlines()]
    names = [fields[5] for fields in members if not fields[0].startswith("d")]
    return {x.split(" -> ")[0].split(" link to ")[0].removeprefix("./") for x in names}


def _content(tree: Path) -> dict[str, bytes | str]:
    """What files and links hold, without what dpkg-source and quilt keep for themselves."""
    found: dict[str, bytes | str] = {}
    for path in tree.rglob("*"):
        name = str(path.relative_to(tree))
        if name.split("/", maxsplit=1)[0] == ".pc":
            continue
        if path.is_symlink():
            found[name] = os.readlink(path)  # noqa: PTH115 - as it stands there
        elif path.is_file():
            found[name] = path.read_bytes()
    return found
