"""The builders of a release repository: the one that writes it, its signers, its mirrors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.plugins import util

from master.configurator.builder import SUBJECT, builder
from master.configurator.signing import signers_of_repository
from schedulers import builder_names as names
from steps.artifacts import DescribeArtifacts, FetchArtifacts, keep_artifacts
from steps.mirror import REPORT, SyncMirror, did_something
from steps.record import RECORD
from steps.release import ACT, CommitRelease, StageRelease, publishes_packages
from steps.repositories import ReleaseRepository
from steps.repository import PACKAGES
from steps.signing import SIGNED
from steps.trigger import RunBuilders

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from master.site import Site
    from master.site.model import Format, WorkerRole


def builders_of_repository(
    site: Site, release: str, package_format: Format
) -> Iterator[util.BuilderConfig]:
    """Builders that act on one release repository as a whole.

    ``release`` alone writes it, one generation at a time; ``refresh`` and ``rollback`` have it do
    so without new packages.
    """

    def of(
        job: str, role: WorkerRole | None, job_steps: Iterable[Any], **kwargs: Any
    ) -> util.BuilderConfig:
        return builder(
            site,
            names.of_repository(job, release, package_format),
            role,
            job_steps,
            [release, package_format],
            {"release": release},
            **kwargs,
        )

    write = names.of_repository("release", release, package_format)
    # One writer at a time: a generation is staged, signed and committed in one go.
    alone = [util.MasterLock(write).access("exclusive")]
    yield of("release", "repository", _write(site, release, package_format), locks=alone)
    yield from signers_of_repository(site, release, package_format)
    for act in ("refresh", "rollback"):
        yield of(act, None, _rewrite(site, release, package_format, act))
    yield from _mirrors(site, release, package_format)


def synchronise(site: Site, release: str, package_format: Format) -> RunBuilders:
    """Bring all mirrors of a release to what is published, each on its own."""
    mirrors = site.releases[release].mirrors
    return RunBuilders(
        [names.of_mirror(release, package_format, mirror) for mirror in mirrors],
        name="synchronise-mirrors",
        pass_on=("label", "change", "patchset", "change_url"),
        doStepIf=bool(mirrors),
    )


def release_folder(site: Site, release: str, package_format: Format) -> Path:
    """Where the repository worker keeps a release repository."""
    return site.repositories.root / _path(release, package_format)


def release_for_clients(site: Site, release: str, package_format: Format) -> ReleaseRepository:
    """A release repository as builds and tests read it."""
    settings = site.releases[release]
    return ReleaseRepository(
        path=_path(release, package_format),
        format=package_format,
        origin=site.repositories.origin,
        codename=settings.codename,
        key=f"{_path(release, package_format)}/key.asc",
        fingerprints=settings.public_keys(package_format),
    )


def _path(release: str, package_format: Format) -> str:
    return f"release/{release}/{package_format}"


def _write(site: Site, release: str, package_format: Format) -> list[Any]:
    settings = site.releases[release]
    kept = site.repositories
    where = (package_format, settings.codename, release_folder(site, release, package_format))
    metadata = {
        "origin": kept.origin,
        "valid-days": str(kept.valid_days),
        "compression": settings.rpm_compression,
    }
    staged, keys = util.Property("stage_folder"), settings.public_keys(package_format)

    def signed_by(job: str, **kwargs: Any) -> RunBuilders:
        return RunBuilders(
            [names.of_repository(job, release, package_format)],
            name=job,
            pass_on=("artifacts", RECORD, *SUBJECT),
            gather=("artifacts",),
            **kwargs,
        )

    first = []
    if package_format == "rpm":
        first.append(signed_by("sign-packages", doStepIf=publishes_packages))
    return [
        *first,
        FetchArtifacts("artifacts", PACKAGES, doStepIf=publishes_packages),
        StageRelease(*where, keys, kept.keep_versions, metadata),
        DescribeArtifacts(staged, site.artifacts.url),
        keep_artifacts(staged, site.artifacts.root, site.artifacts.url),
        signed_by("sign"),
        FetchArtifacts("artifacts", SIGNED),
        CommitRelease(
            *where,
            keys,
            kept.keep_generations,
            kept.keep_days,
        ),
    ]


def _rewrite(site: Site, release: str, package_format: Format, act: str) -> list[Any]:
    return [
        RunBuilders(
            [names.of_repository("release", release, package_format)],
            name=act,
            extra={ACT: act},
            pass_on=("stamp",),
            gather=("generation",),
        ),
        synchronise(site, release, package_format),
    ]


def _mirrors(site: Site, release: str, package_format: Format) -> Iterator[util.BuilderConfig]:
    keep_report = keep_artifacts(
        REPORT, site.artifacts.root, site.artifacts.url, doStepIf=did_something
    )
    for name in site.releases[release].mirrors:
        mirror = site.mirrors[name]
        place = f"{release}/{package_format}"
        step = SyncMirror(
            release_folder(site, release, package_format),
            f"{mirror.rsync}/{place}",
            f"{mirror.url}/{place}",
            {
                "--password-file": mirror.password_file,
                "--identity-file": mirror.identity_file,
                "--known-hosts": mirror.known_hosts,
            },
        )
        full_name = names.of_mirror(release, package_format, name)
        yield builder(
            site,
            full_name,
            "repository",
            [step, keep_report],
            [release, package_format],
            {"release": release},
            locks=[util.MasterLock(full_name).access("exclusive")],
            canStartBuild=_leaves_room,
        )


def _leaves_room(_builder: Any, worker_for_builder: Any, _request: Any) -> bool:
    """Whether the other half of what a worker does at once stays for publishing.

    Mirrors that do not answer hold up nothing else then. No lock can say so: Buildbot gives
    locks out to builds that have taken their place at the worker before.
    """
    worker = worker_for_builder.worker
    syncs = sum(
        each.isBusy() and names.is_of_mirror(name)
        for name, each in worker.workerforbuilders.items()
    )
    return bool(syncs < worker.max_builds // 2)
