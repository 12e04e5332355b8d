"""The builders of a site: for each package its jobs, for each repository its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.plugins import steps, util
from buildbot.process.results import SUCCESS

from schedulers import builder_names as names
from steps.artifacts import DescribeArtifacts, FetchArtifacts, keep_artifacts
from steps.build import (
    PACKAGING,
    RESULTS,
    SOURCE,
    STORE,
    BuildDeb,
    BuildRpm,
    RememberBuild,
    was_built_now,
)
from steps.install_test import InstallTest
from steps.links import LinkChange
from steps.lint import Lint
from steps.mirror import SyncMirror
from steps.publish import CompareMerged, is_not_what_was_tested
from steps.repository import (
    PACKAGES,
    CheckPublishable,
    CommitRelease,
    PublishTestRepository,
    StageRelease,
)
from steps.signing import SIGNED, SignRelease, SignRpms
from steps.source import MergeState
from steps.trigger import RunBuilders

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from master.site import Site
    from master.site.model import Format, Package, WorkerRole

COORDINATOR = "coordinator"  # runs no code of a change, only triggers and waits

# What a build is about goes along to every build it triggers.
_SUBJECT = ("merge_request", "label", "change", "patchset", "change_url")


def builders(site: Site) -> list[util.BuilderConfig]:
    """Every builder the site file asks for."""
    found: list[util.BuilderConfig] = []
    for release in site.releases:
        found.append(_merge(site, release))
        formats = set()
        for name, package in site.packages.items():
            if release in package.releases:
                formats.add(package.format)
                found += _of_package(site, release, name, package)
        for package_format in sorted(formats):
            found += _of_repository(site, release, package_format)
    return found


def triggered_builders(site: Site) -> list[str]:
    """Builders that other builds trigger; each gets a scheduler of its own name."""
    first = ("check/", "gate/", "publish/", "merge/")
    return [builder.name for builder in builders(site) if not builder.name.startswith(first)]


def _of_package(
    site: Site, release: str, name: str, package: Package
) -> Iterator[util.BuilderConfig]:
    def called(job: str) -> str:
        return names.of_package(job, release, name)

    make_packages = [
        RunBuilders(
            [called("build")],
            name="build",
            pass_on=_SUBJECT,
            gather=("artifacts", "built", "state"),
        ),
        RunBuilders(
            [called("test-repository")],
            name="test-repository",
            pass_on=(*_SUBJECT, "artifacts"),
            gather=("test_repository", "test_repository_url"),
        ),
    ]
    tests = RunBuilders(
        [called("lint"), called("install-test")],
        name="tests",
        pass_on=(*_SUBJECT, "artifacts", "built", "state", "test_repository"),
    )

    def builder(job: str, role: WorkerRole | None, job_steps: Iterable[Any]) -> util.BuilderConfig:
        return _builder(
            site,
            called(job),
            role,
            job_steps,
            [release, name, package.format],
            {"release": release, "package": name},
        )

    yield builder("check", None, [*make_packages, tests])
    yield builder("gate", None, make_packages)
    yield builder("publish", None, _publish_steps(site, release, name, package))
    yield builder("build", "builder", _build_steps(site, package))
    yield builder(
        "test-repository", "repository", _test_repository_steps(site, release, package.format)
    )
    yield builder("lint", "tester", [FetchArtifacts("artifacts", PACKAGES), Lint(package.format)])
    yield builder("install-test", "tester", _install_test_steps(site, package))


def _build_steps(site: Site, package: Package) -> list[Any]:
    roots = _roots(site, "builder")
    limits = site.build_limits.model_dump()
    store = f"{site.artifacts.url}/{STORE}"
    if package.format == "deb":
        export = {package.source: SOURCE}
        build: Any = BuildDeb(roots, store, limits)
    else:
        export = {package.source: SOURCE}
        packaging = SOURCE
        if package.packaging is not None:
            export[package.packaging] = packaging = PACKAGING
        build = BuildRpm(str(package.spec), packaging, list(package.projects), roots, store, limits)
    return [
        MergeState(export),
        build,
        DescribeArtifacts(RESULTS, site.artifacts.url, doStepIf=was_built_now),
        keep_artifacts(RESULTS, site.artifacts.root, site.artifacts.url, doStepIf=was_built_now),
        RememberBuild(site.artifacts.root / STORE, doStepIf=was_built_now),
    ]


def _test_repository_steps(site: Site, release: str, package_format: Format) -> list[Any]:
    return [
        FetchArtifacts("artifacts", PACKAGES),
        CheckPublishable(
            package_format,
            site.releases[release].codename,
            _release_repository(site, release, package_format),
        ),
        PublishTestRepository(
            package_format,
            site.releases[release].codename,
            site.repositories.root,
            site.repositories.url,
            _signing_home(site, "repository"),
        ),
    ]


def _install_test_steps(site: Site, package: Package) -> list[Any]:
    test = InstallTest(
        package.format,
        site.repositories.url,
        _roots(site, "tester"),
        site.test_limits.model_dump(),
        tests=SOURCE,
        smoke=package.smoke,
    )
    return [MergeState(dict.fromkeys((package.projects[-1],), SOURCE)), test]


def _publish_steps(site: Site, release: str, name: str, package: Package) -> list[Any]:
    gerrit = site.gerrit.url
    branch = site.releases[release].branch
    return [
        CompareMerged(gerrit, branch, name="compare-merged-tree"),
        RunBuilders(
            [names.of_package("build", release, name)],
            name="build-what-was-merged",
            pass_on=_SUBJECT,
            gather=("artifacts", "built", "state"),
            doStepIf=is_not_what_was_tested,
        ),
        RunBuilders(
            [names.of_repository("release", release, package.format)],
            name="publish",
            pass_on=(*_SUBJECT, "artifacts", "built", "state"),
            gather=("generation",),
        ),
        RunBuilders(
            [
                names.of_mirror(release, package.format, mirror)
                for mirror in site.releases[release].mirrors
            ],
            name="synchronise-mirrors",
            pass_on=("label", "change", "patchset", "change_url"),
            doStepIf=bool(site.releases[release].mirrors),
        ),
    ]


def _of_repository(
    site: Site, release: str, package_format: Format
) -> Iterator[util.BuilderConfig]:
    """Builders that act on one release repository as a whole."""

    def builder(name: str, role: WorkerRole, job_steps: Iterable[Any]) -> util.BuilderConfig:
        return _builder(
            site,
            name,
            role,
            job_steps,
            [release, package_format],
            {"release": release},
            # One writer at a time: a generation is staged, signed and committed in one go.
            locks=[util.MasterLock(name).access("exclusive")],
        )

    settings = site.releases[release]
    repository = _release_repository(site, release, package_format)
    sign = names.of_repository("sign", release, package_format)
    where = (package_format, settings.codename, repository)
    stage = StageRelease(*where)
    keep_hours = site.repositories.keep_hours
    home = _signing_home(site, "signer")
    if package_format == "deb":
        to_sign = util.Property("stage_folder")
        release_steps: list[Any] = [
            FetchArtifacts("artifacts", PACKAGES),
            stage,
            DescribeArtifacts(to_sign, site.artifacts.url),
            keep_artifacts(to_sign, site.artifacts.root, site.artifacts.url),
            RunBuilders(
                [sign], name="sign", pass_on=("artifacts", *_SUBJECT), gather=("artifacts",)
            ),
            FetchArtifacts("artifacts", SIGNED),
            CommitRelease(*where, keep_hours, inrelease=f"{SIGNED}/InRelease"),
        ]
        sign_steps: list[Any] = [SignRelease(home, str(settings.keys.deb), f"{PACKAGES}/Release")]
    else:
        release_steps = [
            RunBuilders(
                [sign], name="sign", pass_on=("artifacts", *_SUBJECT), gather=("artifacts",)
            ),
            FetchArtifacts("artifacts", PACKAGES),
            stage,
            CommitRelease(*where, keep_hours, inrelease=None),
        ]
        sign_steps = [SignRpms(home, str(settings.keys.rpm), PACKAGES)]
    yield builder(
        names.of_repository("release", release, package_format), "repository", release_steps
    )
    yield builder(
        sign,
        "signer",
        [
            FetchArtifacts("artifacts", PACKAGES),
            *sign_steps,
            DescribeArtifacts(SIGNED, site.artifacts.url),
            keep_artifacts(SIGNED, site.artifacts.root, site.artifacts.url),
        ],
    )
    for mirror_name in settings.mirrors:
        mirror = site.mirrors[mirror_name]
        place = f"{release}/{package_format}"
        yield builder(
            names.of_mirror(release, package_format, mirror_name),
            "repository",
            [
                SyncMirror(
                    package_format,
                    repository,
                    f"{mirror.rsync}/{place}",
                    f"{mirror.url}/{place}",
                    mirror.password_file,
                )
            ],
        )


def _merge(site: Site, release: str) -> util.BuilderConfig:
    return _builder(
        site, names.of_merge(release), "builder", [MergeState()], [release], {"release": release}
    )


def _builder(
    site: Site,
    name: str,
    role: WorkerRole | None,
    job_steps: Iterable[Any],
    tags: list[str],
    properties: dict[str, str],
    **kwargs: Any,
) -> util.BuilderConfig:
    job_steps = [LinkChange(), *job_steps]
    if role is not None:
        # Nothing of the build before is in the way, or to be found, by this one.
        job_steps = [
            steps.RemoveDirectory("build", name="clean", hideStepIf=_succeeded),
            *job_steps,
        ]
    return util.BuilderConfig(
        name=name,
        workernames=[COORDINATOR] if role is None else site.workers_of(role),
        factory=util.BuildFactory(list(job_steps)),
        tags=[name.split("/", maxsplit=1)[0], *tags],
        properties={"builder_slug": names.slug(name), **properties},
        builddir=names.slug(name),
        collapseRequests=False,  # each request is a promise to somebody
        **kwargs,
    )


def _succeeded(results: int, _step: Any) -> bool:
    return bool(results == SUCCESS)


def _roots(site: Site, role: WorkerRole) -> Path:
    roots = site.a_worker(role).roots
    assert roots is not None, "the site file's check makes sure of it"  # noqa: S101
    return roots


def _signing_home(site: Site, role: WorkerRole) -> Path:
    home = site.a_worker(role).signing_home
    assert home is not None, "the site file's check makes sure of it"  # noqa: S101
    return home


def _release_repository(site: Site, release: str, package_format: Format) -> Path:
    return site.repositories.root / "release" / release / package_format
