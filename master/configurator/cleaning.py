"""The builders that remove what nobody refers to any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from master.configurator.builder import builder
from schedulers import builder_names as names
from steps.clean import CleanArtifacts, CleanTestRepositories
from steps.in_use import FindInUse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from buildbot.plugins import util

    from master.site import Site


def cleaners(site: Site) -> Iterator[util.BuilderConfig]:
    """One where artifacts are, one where test repositories are."""
    find = FindInUse(
        site.artifacts.url,
        [names.gate_scheduler(release) for release in site.releases],
        {
            names.of_package("publish", release, name): names.of_repository(
                "rollback", release, package.format
            )
            for name, package in site.packages.items()
            for release in package.releases
        },
        site.repositories.keep_versions,
    )
    artifacts, repositories = site.artifacts, site.repositories
    clean_artifacts = CleanArtifacts(artifacts.root, artifacts.max_gib << 10)
    clean_tests = CleanTestRepositories(repositories.root, repositories.test_days)
    yield builder(site, names.CLEAN_ARTIFACTS, None, [find, clean_artifacts], [], {})
    yield builder(site, names.CLEAN_TESTS, "repository", [find, clean_tests], [], {})
