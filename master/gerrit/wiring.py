"""The parts of a master that talk with Gerrit, from the site file's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from master.gerrit.events import GerritEvents
from master.gerrit.port import Gerrit, GerritService
from master.gerrit.reconcile import Reconciler
from master.gerrit.reporter import GerritReporter

if TYPE_CHECKING:
    from master.site import Site

_SOURCE = "gerrit-events"


@dataclass(frozen=True)
class GerritParts:
    """What the configurator adds to the master."""

    port: Gerrit  # for schedulers
    change_source: GerritEvents
    services: list[Any]


def gerrit_services(site: Site) -> GerritParts:
    """The client's service, the events, the reconciliation and the reporter."""
    port = Gerrit(site.gerrit)
    settings = site.gerrit
    branches: dict[str, list[str]] = {}
    for package in site.packages.values():
        for project in package.projects:
            known = branches.setdefault(project, [])
            wanted = [site.releases[release].branch for release in package.releases]
            known += [branch for branch in wanted if branch not in known]
    return GerritParts(
        port=port,
        change_source=GerritEvents(
            name=_SOURCE,
            gerritserver=settings.ssh_host,
            gerritport=settings.ssh_port,
            username=settings.user,
            identity_file=settings.identity_file,
            known_hosts=settings.known_hosts,
            projects=site.projects(),
            url=settings.url,
        ),
        services=[
            GerritService(gerrit=port),
            Reconciler(
                gerrit=port, source=_SOURCE, branches=branches, seconds=settings.reconcile_seconds
            ),
            GerritReporter(gerrit=port),
        ],
    )
