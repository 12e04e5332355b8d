"""Having published what has merged, again and again until the release repository has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schedulers import builder_names, ports
from schedulers.gate_shell.words import not_published
from schedulers.gate_shell.work import failures_of
from schedulers.requests import build_properties, merge_request

if TYPE_CHECKING:
    from schedulers.gate_shell.context import Context
    from schedulers.gate_shell.memory import Publication

_GENERATION = "generation"  # property of a publish build whose packages have been published


async def publish(context: Context, publication: Publication) -> None:
    """Start a publish build, unless that was done before."""
    own, release = publication.patch_set, context.release
    (package,) = (p for p in release.packages if p.name == publication.package)
    sources = await ports.sources(context.gerrit, package.projects, release.branch)
    url = context.gerrit.change_url(own.number)
    properties = build_properties(merge_request(sources, []), own, url)
    await context.work.start(
        publication.name,
        _builder(context, publication),
        f"change {own.number} was merged by the gate",
        {**properties, **publication.handed_on},
        {"project": own.project, "branch": own.branch, "revision": own.revision},
    )


async def look(context: Context, publication: Publication) -> bool:
    """See what became of a publish build; answers whether it is to be tried again.

    What was published is forgotten, with what it took the place of. Of what cannot be published
    the author is told.
    """
    builder, memory = _builder(context, publication), context.memory
    result = await context.work.result(publication.name, [builder])
    if result is None or publication.failed:
        return False
    properties = await context.work.properties(publication.name, builder)
    if _GENERATION in properties:
        until = memory.publications.index(publication) + 1
        memory.publications = [
            *(p for p in memory.publications[:until] if p.package != publication.package),
            *memory.publications[until:],
        ]
    elif result == "worker-lost":
        publication.attempt += 1
        await context.remember()
        return True
    else:
        own = publication.patch_set
        failures = await failures_of(context.work, publication.name, [builder])
        await context.gerrit.vote(own.number, own.revision, not_published(failures), None)
        publication.failed = True
    await context.remember()
    return False


def _builder(context: Context, publication: Publication) -> str:
    return builder_names.of_package("publish", context.release.name, publication.package)
