"""The builders of a package: check, gate, publish, and the jobs these run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.plugins import util

from master.configurator.builder import SUBJECT, builder, roots, signing_home
from master.configurator.repositories import release_folder, release_for_clients, synchronise
from schedulers import builder_names as names
from steps.artifacts import DescribeArtifacts, FetchArtifacts, keep_artifacts
from steps.build import (
    FIRST,
    FIRST_BUILT,
    PACKAGING,
    RESULTS,
    SOURCE,
    STORE,
    BuildDeb,
    BuildHost,
    BuildRpm,
    CompareBuilds,
    RememberBuild,
    was_built_now,
)
from steps.install_test import InstallTest
from steps.lint import Lint
from steps.publish import CompareMerged, is_not_what_was_tested
from steps.record import RECORD, MakeRecord
from steps.repository import PACKAGES, CheckPublishable, PublishTestRepository
from steps.source import MergeState
from steps.trigger import RunBuilders

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from master.site import Site
    from master.site.model import Format, Package, WorkerRole


def builders_of_package(
    site: Site, release: str, name: str, package: Package
) -> Iterator[util.BuilderConfig]:
    def called(job: str) -> str:
        return names.of_package(job, release, name)

    make_packages = [
        RunBuilders(
            [called("build")],
            name="build",
            pass_on=SUBJECT,
            gather=("artifacts", "built", "state"),
        ),
        RunBuilders(
            [called("test-repository")],
            name="test-repository",
            pass_on=(*SUBJECT, "artifacts"),
            gather=("test_repository", "test_repository_url"),
        ),
    ]
    tests = RunBuilders(
        [called("lint"), called("install-test")],
        name="tests",
        pass_on=(*SUBJECT, "artifacts", "built", "state", "test_repository"),
    )

    def of(job: str, role: WorkerRole | None, job_steps: Iterable[Any]) -> util.BuilderConfig:
        return builder(
            site,
            called(job),
            role,
            job_steps,
            [release, name, package.format],
            {"release": release, "package": name},
        )

    yield of("check", None, [*make_packages, tests])
    yield of("gate", None, [*make_packages, _rebuild_a_sample(site, called("rebuild"))])
    yield of("publish", None, _publish_steps(site, release, name, package))
    yield of("build", "builder", _build_steps(site, release, package))
    yield of("test-repository", "repository", _test_repository_steps(site, release, package.format))
    yield of("lint", "tester", _lint_steps(package))
    yield of("rebuild", "builder", _rebuild_steps(site, release, package))
    yield of("install-test", "tester", _install_test_steps(site, release, package))


def _build_steps(site: Site, release: str, package: Package) -> list[Any]:
    return [
        *_make(site, release, package, f"{site.artifacts.url}/{STORE}"),
        DescribeArtifacts(RESULTS, site.artifacts.url, doStepIf=was_built_now),
        keep_artifacts(RESULTS, site.artifacts.root, site.artifacts.url, doStepIf=was_built_now),
        RememberBuild(site.artifacts.root / STORE),
    ]


def _rebuild_steps(site: Site, release: str, package: Package) -> list[Any]:
    """Build again what was built before, and compare."""
    return [
        *_make(site, release, package, None),
        FetchArtifacts("artifacts", FIRST),
        CompareBuilds(package.format),
    ]


def _rebuild_a_sample(site: Site, rebuild: str) -> RunBuilders:
    """Whether builds can be repeated is looked at for some; nobody waits for it."""

    def is_sample(step: Any) -> bool:
        return int(step.getProperty("change") or 0) % site.gate.rebuild_one_in == 0

    return RunBuilders(
        [rebuild],
        name="rebuild-sample",
        pass_on=(*SUBJECT, "artifacts", "state"),
        extra={FIRST_BUILT: util.Property("built")},
        wait=False,
        doStepIf=is_sample,
    )


def _make(site: Site, release: str, package: Package, store: str | None) -> list[Any]:
    on = BuildHost(
        roots=roots(site, "builder"),
        store=store,
        served=site.repositories.url,
        release=release_for_clients(site, release, package.format),
        limits=site.build_limits.model_dump(),
    )
    export = {package.source: SOURCE}
    if package.format == "deb":
        return [MergeState(export), BuildDeb(on)]
    packaging = SOURCE
    if package.packaging is not None:
        export[package.packaging] = packaging = PACKAGING
    build = BuildRpm(
        str(package.spec),
        packaging,
        list(package.projects),
        on,
        base_repositories=_base_repositories(site, package),
        mock=site.rpm.mock_config,
    )
    return [MergeState(export), build]


def _base_repositories(site: Site, package: Package) -> list[dict[str, Any]]:
    """Those that the site file names besides what the root images are made of."""
    if package.format == "deb":
        return []
    return [repository.model_dump() for repository in site.rpm.base_repositories]


def _test_repository_steps(site: Site, release: str, package_format: Format) -> list[Any]:
    return [
        FetchArtifacts("artifacts", PACKAGES),
        CheckPublishable(
            package_format,
            site.releases[release].codename,
            release_folder(site, release, package_format),
        ),
        PublishTestRepository(
            package_format,
            site.releases[release].codename,
            names.of_test_repository,
            site.repositories.root,
            site.repositories.url,
            signing_home(site, "repository"),
        ),
    ]


def _lint_steps(package: Package) -> list[Any]:
    fetch = FetchArtifacts("artifacts", PACKAGES)
    if package.format == "deb":
        return [fetch, Lint(package.format, None)]
    return [MergeState({package.projects[-1]: PACKAGING}), fetch, Lint(package.format, PACKAGING)]


def _install_test_steps(site: Site, release: str, package: Package) -> list[Any]:
    test = InstallTest(
        package.format,
        site.repositories.url,
        release_for_clients(site, release, package.format),
        roots(site, "tester"),
        site.test_limits.model_dump(),
        tests=SOURCE,
        smoke=package.smoke,
        base_repositories=_base_repositories(site, package),
    )
    return [MergeState({package.projects[-1]: SOURCE}), test]


def _publish_steps(site: Site, release: str, name: str, package: Package) -> list[Any]:
    gerrit = site.gerrit.url
    branch = site.releases[release].branch
    return [
        CompareMerged(gerrit, branch, name="compare-merged-tree"),
        RunBuilders(
            [names.of_package("build", release, name)],
            name="build-what-was-merged",
            pass_on=SUBJECT,
            gather=("artifacts", "built", "state"),
            doStepIf=is_not_what_was_tested,
        ),
        MakeRecord(names.of_package("check", release, name)),
        RunBuilders(
            [names.of_repository("release", release, package.format)],
            name="publish",
            pass_on=(*SUBJECT, "artifacts", RECORD),
            gather=("generation",),
        ),
        synchronise(site, release, package.format),
    ]
