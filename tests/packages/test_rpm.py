"""RPM packages that need each other: built, published, read by dnf, linted, installed."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import createrepo_c
import pytest

from tests.packages.rpms import DIST, RPM_PACKAGES, RpmPackage
from tests.workers.repository.clients import Dnf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.packages.chain import Published
    from tests.packages.rpms import Rpms

pytestmark = pytest.mark.usefixtures("rpm_build_root")


def _params(wanted: Callable[[RpmPackage], bool] = lambda _: True) -> list[Any]:
    return [
        pytest.param(name, id=name, marks=() if package.quick else pytest.mark.packages)
        for name, package in RPM_PACKAGES.items()
        if wanted(package)
    ]


@pytest.fixture(scope="module", params=_params())
def name(request: pytest.FixtureRequest) -> str:
    """Each package of the table."""
    asked: str = request.param
    return asked


@pytest.fixture(scope="module")
def published(name: str, rpms: Rpms) -> Published:
    """The package, published."""
    return rpms.published(name)


def test_what_the_spec_declares_is_built(name: str, published: Published) -> None:
    built = {}
    for package in published.answer["packages"]:
        header = createrepo_c.package_from_rpm(str(published.packages / package["file"]))
        epoch = f"{header.epoch}:" if header.epoch != "0" else ""
        built[header.name] = f"{epoch}{header.version}-{header.release}"
        assert (package["name"], package["version"]) == (header.name, header.version)
    package = RPM_PACKAGES[name]
    versions = package.packages | dict.fromkeys(
        package.debug, next(iter(package.packages.values()))
    )
    expected = {x: f"{version}{DIST}" for x, version in versions.items()}
    assert built == expected
    assert published.binaries == expected


@pytest.mark.parametrize("user", _params(lambda package: bool(package.needs)))
def test_build_dependencies_are_those_of_the_release_repository(user: str, rpms: Rpms) -> None:
    used = set(rpms.published(user).answer["inputs"]["dependencies"])
    for need in RPM_PACKAGES[user].needs:
        root = rpms.chain.release.root
        added = [root / x["file"] for x in rpms.published(need).committed["added"]]
        assert used & {f"{_sha256(file)}  {file.name}" for file in added}, used


def test_dnf_reads_all_of_it(published: Published, rpms: Rpms, tmp_path: Path) -> None:
    chain = rpms.chain
    dnf = Dnf(tmp_path / "dnf", f"{chain.url}/release/rpm", chain.key)
    dnf.state.mkdir()
    dnf.update()
    for name, version in published.binaries.items():
        upstream = version.rpartition(":")[2].partition("-")[0]
        assert dnf.versions(name) == {upstream}


def test_lint_comes_to_a_verdict(
    published: Published, rpms: Rpms, record_property: Callable[[str, object], None]
) -> None:
    outcome = rpms.chain.lint(published)
    assert outcome.status in (0, 1), outcome.answer
    record_property("lint", outcome.answer["counts"])


def test_each_package_is_installed_by_itself(name: str, published: Published, rpms: Rpms) -> None:
    package = RPM_PACKAGES[name]
    tests: tuple[str | Path, ...] = ()
    if package.smoke:
        tree = rpms.chain.worker.tree(package.source)
        tests = ("--tests", tree, "--smoke", tree / "smoke")
    outcome = rpms.chain.install_test(published, *tests)
    assert outcome.status == 0, (outcome.answer, outcome.said)
    reports = outcome.answer["packages"]
    assert {x["name"] for x in reports} >= set(package.packages)
    smoke = {x["stages"]["smoke"] for x in reports}
    assert ("passed" in smoke) == package.smoke


@pytest.mark.parametrize("again", _params())
def test_same_bits_elsewhere_and_later(again: str, rpms: Rpms) -> None:
    package = RPM_PACKAGES[again]
    published = rpms.published(again)
    worker = rpms.chain.worker
    source, packaging = worker.tree(package.source), worker.tree(package.packaging)
    for number, path in enumerate(sorted([*source.rglob("*"), *packaging.rglob("*")])):
        os.utime(path, (number, number), follow_symlinks=False)
    answer, _ = rpms.chain.build(*rpms.build_arguments(again, source, packaging))
    assert answer["files"] == published.answer["files"]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
