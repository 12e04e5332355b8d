"""The builders of a site: for each package its jobs, for each repository its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from master.configurator.builder import builder
from master.configurator.cleaning import cleaners
from master.configurator.packages import builders_of_package
from master.configurator.repositories import builders_of_repository
from master.configurator.signing import key_checks
from schedulers import builder_names as names
from steps.roots import RefreshRoots
from steps.source import MergeState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from buildbot.plugins import util

    from master.site import Site

# Started by schedulers of their own, not by other builds.
_FIRST = (
    "check/",
    "gate/",
    "publish/",
    "merge/",
    "refresh/",
    "rollback/",
    "clean/",
    "roots/",
    "keys/",
)


def builders(site: Site) -> list[util.BuilderConfig]:
    """Every builder the site file asks for."""
    found: list[util.BuilderConfig] = []
    for release in site.releases:
        found.append(_merge(site, release))
        for name, package in site.packages.items():
            if release in package.releases:
                found += builders_of_package(site, release, name, package)
        for package_format in site.formats_of(release):
            found += builders_of_repository(site, release, package_format)
    return [*found, *_roots(site), *key_checks(site), *cleaners(site)]


def triggered_builders(site: Site) -> list[str]:
    """Builders that other builds trigger; each gets a scheduler of its own name."""
    return [made.name for made in builders(site) if not made.name.startswith(_FIRST)]


def _roots(site: Site) -> Iterator[util.BuilderConfig]:
    for name, worker in site.workers.items():
        if worker.roots is not None:
            refresh = RefreshRoots(worker.roots)
            where = names.of_roots(name)
            yield builder(site, where, worker.role, [refresh], [name], {}, worker=name)


def _merge(site: Site, release: str) -> util.BuilderConfig:
    return builder(
        site, names.of_merge(release), "builder", [MergeState()], [release], {"release": release}
    )
