"""Records as in-toto statements with SLSA provenance.

See the in-toto attestation framework, Statement v1, and SLSA v1, "Build: Provenance". Field names
are theirs; those they do not have begin with ``lockgate_``, as SLSA asks of extensions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from workers.outcome import BadRequest
from workers.provenance.record import Approval, Change, Merged, Record, Run

if TYPE_CHECKING:
    from collections.abc import Mapping

_BuildType = Literal["urn:lockgate:package:v1"]
_StatementType = Literal["https://in-toto.io/Statement/v1"]
_PredicateType = Literal["https://slsa.dev/provenance/v1"]


def _named(name: str) -> Any:
    return Field(validation_alias=name, serialization_alias=name)


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, alias_generator=to_camel
    )


class Resource(_Part):
    """Something with a digest (in-toto's ResourceDescriptor)."""

    name: str | None = None
    uri: str | None = None
    digest: dict[str, str]


class MergedAs(_Part, Merged):
    """What the change became on its branch."""


class ExternalParameters(_Part):
    """What people chose."""

    release: str
    package: str
    change: Change | None = None
    merged: MergedAs | None = None


class InternalParameters(_Part):
    """What the builder chose."""

    inputs_key: str
    options: dict[str, str]


class BuildDefinition(_Part):
    """What was built of what."""

    build_type: _BuildType
    external_parameters: ExternalParameters
    internal_parameters: InternalParameters
    resolved_dependencies: list[Resource]


class Builder(_Part):
    """Who is trusted to have built it as told."""

    id: str


class Metadata(_Part):
    """Which run it was."""

    invocation_id: str
    started_on: str
    finished_on: str | None = None


class RunDetails(_Part):
    """How it was built."""

    builder: Builder
    metadata: Metadata
    byproducts: list[Resource]


class Predicate(_Part):
    """SLSA's provenance, and what let it pass the gate."""

    build_definition: BuildDefinition
    run_details: RunDetails
    generation: str = _named("lockgate_generation")
    approvals: list[Approval] = _named("lockgate_approvals")
    runs: list[Run] = _named("lockgate_runs")
    publisher: Run = _named("lockgate_publisher")


class Statement(_Part):
    """Where some files come from."""

    type: _StatementType = _named("_type")
    subject: list[Resource]
    """Paths from the repository's root, with their digests."""
    predicate_type: _PredicateType
    predicate: Predicate

    def sha256_of(self, path: str) -> str | None:
        """What it says a file's SHA-256 is; None if it says nothing of that file."""
        return next((each.digest.get("sha256") for each in self.subject if each.name == path), None)

    def built(self, path: str) -> str | None:
        """SHA-256 of the file of a path's name that the build made."""
        name = path.rpartition("/")[2]
        made = self.predicate.run_details.byproducts
        return next((each.digest.get("sha256") for each in made if each.name == name), None)

    def contradiction(self) -> str | None:
        """What in it cannot be true, in words."""
        merged = self.predicate.build_definition.external_parameters.merged
        if merged is None or not merged.as_tested:
            return None
        for source in self.predicate.build_definition.resolved_dependencies:
            if source.name == merged.project and source.digest.get("gitTree") != merged.tree:
                return f"it says that tree {merged.tree} was tested, and names another as built"
        return None


def make(record: Record, subjects: Mapping[str, Mapping[str, str]], generation: str) -> bytes:
    """The statement on published files, given by path with their digests, in a generation."""
    inputs = record.inputs
    sources = [
        Resource(
            uri=f"git+{source.url}@refs/heads/{source.branch}",
            name=source.project,
            digest={"gitCommit": source.commit, "gitTree": source.tree},
        )
        for source in record.sources
    ]
    used = [line.split("  ", maxsplit=1) for line in inputs.dependencies]
    installed = [Resource(name=name, digest={"sha256": sha256}) for sha256, name in used]
    root = Resource(name="root image", digest={"lockgateRoot": inputs.root})
    merged = None if record.merged is None else MergedAs(**dict(record.merged))
    build = _build_of(record)
    statement = Statement(
        type="https://in-toto.io/Statement/v1",
        predicate_type="https://slsa.dev/provenance/v1",
        subject=[Resource(name=path, digest=dict(of)) for path, of in sorted(subjects.items())],
        predicate=Predicate(
            build_definition=BuildDefinition(
                build_type="urn:lockgate:package:v1",
                external_parameters=ExternalParameters(
                    release=record.release,
                    package=record.package,
                    change=record.change,
                    merged=merged,
                ),
                internal_parameters=InternalParameters(
                    inputs_key=inputs.key, options=inputs.options
                ),
                resolved_dependencies=[*sources, root, *installed],
            ),
            run_details=RunDetails(
                builder=Builder(id=f"urn:lockgate:builder:{build.builder}"),
                metadata=Metadata(
                    invocation_id=build.url, started_on=build.started, finished_on=build.finished
                ),
                byproducts=[
                    Resource(name=name, digest=digests)
                    for name, digests in sorted(record.built.items())
                ],
            ),
            generation=generation,
            approvals=record.approvals,
            runs=record.runs,
            publisher=record.publisher,
        ),
    )
    return statement.model_dump_json(by_alias=True, exclude_none=True).encode()


def _build_of(record: Record) -> Run:
    """The run that made what is published: the last of the package's builds that are told of.

    Where none is, because what was built before was fetched, it is the one that published.
    """
    name = f"build/{record.release}/{record.package}"
    return next((run for run in reversed(record.runs) if run.builder == name), record.publisher)


def read(payload: bytes) -> Statement:
    """Read a statement back; raises BadRequest for anything else."""
    try:
        return Statement.model_validate_json(payload)
    except ValidationError as error:
        first: Any = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadRequest(f"no statement of Lockgate's: {where}: {first['msg']}") from error
