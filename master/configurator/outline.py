"""A site's configuration in words, for people who want to see what their site file makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from master.configurator.builders import builders
from master.configurator.schedulers import all_schedulers
from master.gerrit.wiring import gerrit_services

if TYPE_CHECKING:
    from collections.abc import Iterator

    from master.site import Site


def outline(site: Site) -> Iterator[str]:
    """One line for each builder with its steps, scheduler and worker."""
    yield "builders"
    for builder in builders(site):
        yield f"  {builder.name}  on {', '.join(builder.workernames)}"
        for number, factory in enumerate(builder.factory.steps, start=1):
            yield f"    {number}. {factory.buildStep().name}"
    yield "schedulers"
    for scheduler in all_schedulers(site, gerrit_services(site).port):
        yield f"  {scheduler.name}  ({type(scheduler).__name__})"
    yield "workers"
    for name, worker in site.workers.items():
        yield f"  {name}  ({worker.role}, {worker.max_builds} builds at once)"
