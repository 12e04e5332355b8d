"""What all builders of a site have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.plugins import steps, util
from buildbot.process.results import SUCCESS

from schedulers import builder_names as names
from steps.links import LinkChange
from steps.repositories import AHEAD

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from master.site import Site
    from master.site.model import WorkerRole

COORDINATOR = "coordinator"  # runs no code of a change, only triggers and waits

# What a build is about goes along to every build it triggers.
SUBJECT = ("merge_request", "label", "change", "patchset", "change_url", AHEAD)


def builder(
    site: Site,
    name: str,
    role: WorkerRole | None,
    job_steps: Iterable[Any],
    tags: list[str],
    properties: dict[str, str],
    *,
    worker: str | None = None,
    **kwargs: Any,
) -> util.BuilderConfig:
    """A builder on the workers of a role or one of them, or for None on the coordinator."""
    job_steps = [LinkChange(), *job_steps]
    if role is not None:
        # Nothing of the build before is in the way, or to be found, by this one.
        job_steps = [
            steps.RemoveDirectory("build", name="clean", hideStepIf=_succeeded),
            *job_steps,
        ]
    return util.BuilderConfig(
        name=name,
        workernames=[COORDINATOR]
        if role is None
        else [worker]
        if worker
        else site.workers_of(role),
        factory=util.BuildFactory(list(job_steps)),
        tags=[name.split("/", maxsplit=1)[0], *tags],
        properties={"builder_slug": names.slug(name), **properties},
        builddir=names.slug(name),
        collapseRequests=False,  # each request is a promise to somebody
        **kwargs,
    )


def roots(site: Site, role: WorkerRole) -> Path:
    """The cache of root images of a role's workers."""
    found = site.a_worker(role).roots
    assert found is not None, "the site file's check makes sure of it"  # noqa: S101
    return found


def signing_home(site: Site, role: WorkerRole) -> Path:
    """The GnuPG home of a role's workers."""
    home = site.a_worker(role).signing_home
    assert home is not None, "the site file's check makes sure of it"  # noqa: S101
    return home


def _succeeded(results: int, _step: Any) -> bool:
    return bool(results == SUCCESS)
