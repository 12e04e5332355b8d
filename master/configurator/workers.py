"""The workers of a site, each with its password from Buildbot's secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.plugins import util, worker

from master.configurator.builder import COORDINATOR

if TYPE_CHECKING:
    from master.site import Site

_COORDINATED_BUILDS = 100  # each only waits for others


def workers(site: Site) -> list[Any]:
    """Remote workers of the site file, and the coordinator inside the master."""
    return [
        *(
            worker.Worker(
                name,
                util.Secret(settings.password_secret),
                max_builds=settings.max_builds,
                properties={"role": settings.role},
            )
            for name, settings in site.workers.items()
        ),
        worker.LocalWorker(COORDINATOR, max_builds=_COORDINATED_BUILDS),
    ]
