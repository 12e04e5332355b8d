"""Finding what must not be cleaned away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from buildbot.data.resultspec import Filter
from buildbot.process.buildstep import BuildStep
from buildbot.process.results import SUCCESS
from twisted.internet.defer import Deferred

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

IN_USE = "in_use"  # property: names of artifacts and of test repositories
_TEST = "test/"
_GENERATION = "generation"  # property: what a build published
# Those that published nothing come in between.
_BUILDS_LOOKED_AT = 100

_Properties = Mapping[str, Any]
_Generation = Mapping[str, Any]


class FindInUse(BuildStep):
    """Finds the artifacts and test repositories that somebody still refers to: ``in_use``.

    Those are what unfinished builds and requests for builds know of, what the gates remember, and
    the builds that published what release repositories list: how it was built can be read, and
    compared with a rebuild. ``gates`` are names of schedulers, ``publishers`` of builders, each
    with that by which its repository goes back; ``keep`` versions of a package are listed.
    """

    name = "find-in-use"
    haltOnFailure = True  # noqa: N815 - Buildbot's name
    flunkOnFailure = True  # noqa: N815 - Buildbot's name

    def __init__(
        self,
        artifacts_url: str,
        gates: Sequence[str],
        publishers: Mapping[str, str],
        keep: int,
        **kwargs: Any,
    ) -> None:
        self.artifacts = f"{artifacts_url}/"
        self.gates = gates
        self.publishers = publishers
        self.keep = keep
        super().__init__(**kwargs)

    def run(self) -> Deferred[int]:
        """Ask Buildbot's database."""
        return Deferred.fromCoroutine(self._run())

    async def _run(self) -> int:
        known: list[Any] = []
        for kind, number in (("buildsets", "bsid"), ("builds", "buildid")):
            incomplete = [Filter("complete", "eq", [False])]
            unfinished = await self.master.data.get((kind,), filters=incomplete)
            known += [
                await self.master.data.get((kind, one[number], "properties")) for one in unfinished
            ]
        known += [await self._memory(gate) for gate in self.gates]
        gone_back = {
            builder: [_generation(made) async for made in self._made_generations(builder)]
            for builder in set(self.publishers.values())
        }
        for publisher, goes_back in self.publishers.items():
            known += await self._published(publisher, gone_back[goes_back])
        found = referred(known, self.artifacts)
        self.setProperty(IN_USE, found, self.name)
        self.descriptionDone = ", ".join(f"{len(names)} {kind}" for kind, names in found.items())
        return int(SUCCESS)

    async def _published(
        self, publisher: str, gone_back: Sequence[_Generation]
    ) -> list[_Properties]:
        """Properties of a package's builds of which something is listed, and of the newest one: a
        rebuild is compared with it.
        """
        found: list[_Properties] = []
        listed = 0
        async for made in self._made_generations(publisher):
            is_one = is_listed(_generation(made), gone_back)
            if is_one or not found:
                found.append(made)
            listed += is_one
            if listed == self.keep:
                break
        return found

    async def _made_generations(self, builder: str) -> AsyncIterator[_Properties]:
        """Properties of a builder's newest builds that made a generation, the newest first.

        However they ended: what was published is, whatever became of a mirror after that.
        """
        builds = await self.master.data.get(
            ("builders", builder, "builds"), order=["-number"], limit=_BUILDS_LOOKED_AT
        )
        for build in builds:
            properties = await self.master.data.get(("builds", build["buildid"], "properties"))
            if _GENERATION in properties:
                yield properties

    async def _memory(self, gate: str) -> Any:
        state = self.master.db.state
        number = await state.getObjectId(gate, "GateScheduler")
        return await state.getState(number, "state", None)


def is_listed(made: _Generation, gone_back: Sequence[_Generation]) -> bool:
    """Whether something that a generation added was not taken back by one of those by which the
    repository went back, the newest first. Pure.
    """
    since = [back for back in gone_back if back["generation"] > made["generation"]]
    for package in made["added"]:
        told = (package in back["added"] for back in since if _tells_of(back, package))
        if next(told, True):
            return True
    return False


def _tells_of(back: _Generation, package: Any) -> bool:
    return package in back["added"] or package in back["removed"]


def _generation(properties: _Properties) -> _Generation:
    generation: _Generation = properties[_GENERATION][0]
    return generation


def referred(known: Any, artifacts: str) -> dict[str, list[str]]:
    """Names of all artifacts and test repositories that occur somewhere in nested values. Pure.

    ``artifacts`` is what addresses of artifacts begin with.
    """
    found: dict[str, set[str]] = {"artifacts": set(), "test_repositories": set()}
    for text in _texts(known):
        for kind, prefix in (("artifacts", artifacts), ("test_repositories", _TEST)):
            if text.startswith(prefix):
                found[kind].add(text.removeprefix(prefix).partition("/")[0])
    return {kind: sorted(names) for kind, names in found.items()}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _texts(one)
