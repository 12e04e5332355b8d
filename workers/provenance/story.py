"""A record told as the story of a package."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.provenance.statement import Statement
    from workers.repository.package import Published


def story(package: Published, statement: Statement) -> Iterator[str]:
    """A package's way, in lines."""
    predicate = statement.predicate
    definition = predicate.build_definition
    external = definition.external_parameters
    yield f"{package.name} {package.version} ({package.architecture})"
    yield f"  file       {package.file}"
    yield f"  SHA-256    {package.sha256}"
    yield f"  published  in generation {predicate.generation} of {external.release}"
    if external.change is None:
        yield "  proposed   by nobody: the tip of the branch was published without the gate"
    else:
        change = external.change
        yield f"  proposed   as change {change.number}, patch set {change.patchset}: {change.url}"
        yield f"             commit {change.revision}"
    for vote in predicate.approvals:
        yield f"  vote       {vote.label} {vote.value:+d} by {vote.who}"
    merged = external.merged
    if merged is None and external.change is not None:
        yield "  merged     never: it was published without that"
    elif merged is not None:
        how = "as it was tested" if merged.as_tested else "not as tested, so built anew"
        yield f"  merged     {merged.project} {merged.commit}, {how}"
    dependencies = 0
    for used in definition.resolved_dependencies:
        if used.uri is not None:
            commit, tree = used.digest["gitCommit"], used.digest["gitTree"]
            yield f"  built of   {used.uri}"
            yield f"             commit {commit}, tree {tree}"
        elif "lockgateRoot" in used.digest:
            yield f"  built in   root image {used.digest['lockgateRoot']}"
        else:
            dependencies += 1
    yield f"             with {dependencies} packages installed as build dependencies"
    for passed in predicate.runs:
        yield f"  {passed.result:<10} {passed.builder}, {passed.started}: {passed.url}"
    by = predicate.publisher
    yield f"  by         {by.builder}, {by.started}: {by.url}"
