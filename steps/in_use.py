"""Finding what must not be cleaned away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.data.resultspec import Filter
from buildbot.process.buildstep import BuildStep
from buildbot.process.results import SUCCESS
from twisted.internet import defer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

IN_USE = "in_use"  # property: names of artifacts and of test repositories
_TEST = "test/"


class FindInUse(BuildStep):
    """Finds the artifacts and test repositories that somebody still refers to: ``in_use``.

    Those are what unfinished builds and requests for builds know of, what the gates remember, and
    the builds that were published last: they can be compared with a rebuild. ``gates`` are names
    of schedulers, ``publishers`` of builders.
    """

    name = "find-in-use"
    haltOnFailure = True  # noqa: N815 - Buildbot's name
    flunkOnFailure = True  # noqa: N815 - Buildbot's name

    def __init__(
        self, artifacts_url: str, gates: Sequence[str], publishers: Sequence[str], **kwargs: Any
    ) -> None:
        self.artifacts = f"{artifacts_url}/"
        self.gates = gates
        self.publishers = publishers
        super().__init__(**kwargs)

    @defer.inlineCallbacks
    def run(self) -> Any:
        """Ask Buildbot's database."""
        known: list[Any] = []
        for kind, number in (("buildsets", "bsid"), ("builds", "buildid")):
            unfinished = yield self._found((kind,), complete=False)
            for one in unfinished:
                properties = yield self.master.data.get((kind, one[number], "properties"))
                known.append(properties)
        for gate in self.gates:
            memory = yield self._memory(gate)
            known.append(memory)
        for publisher in self.publishers:
            done = yield self._found(("builders", publisher, "builds"), results=SUCCESS)
            if done:
                last = max(build["buildid"] for build in done)
                properties = yield self.master.data.get(("builds", last, "properties"))
                known.append(properties)
        found = referred(known, self.artifacts)
        self.setProperty(IN_USE, found, self.name)
        self.descriptionDone = ", ".join(f"{len(names)} {kind}" for kind, names in found.items())
        return SUCCESS

    def _found(self, path: tuple[str, ...], **equal: Any) -> Any:
        filters = [Filter(field, "eq", [value]) for field, value in equal.items()]
        return self.master.data.get(path, filters=filters)

    @defer.inlineCallbacks
    def _memory(self, gate: str) -> Any:
        state = self.master.db.state
        number = yield state.getObjectId(gate, "GateScheduler")
        memory = yield state.getState(number, "state", None)
        return memory


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
