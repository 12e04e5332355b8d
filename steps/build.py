"""Building a package in a clean, disposable root, or finding that it was built before."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from buildbot.plugins import util
from buildbot.process.buildstep import BuildStep
from buildbot.process.results import SUCCESS
from twisted.internet import defer, threads
from twisted.python.filepath import FilePath

from steps.program import WorkerProgram, limits_arguments
from steps.repositories import ahead, base
from workers.names import identifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from steps.repositories import ReleaseRepository

STORE = "builds"  # folder of the artifacts with an entry for each build by its inputs
RESULTS = "results"  # folder below the build's working folder
SOURCE = "source"
PACKAGING = "packaging"
FIRST = "first"  # folder with what an earlier build of the same inputs made
FIRST_BUILT = "first_built"  # property: what that build answered


@dataclass(frozen=True)
class BuildHost:
    """What a build is given besides the source."""

    roots: Path
    """Cache of root images."""
    store: str | None
    """URL of the builds made before; None: it is built whatever was made before."""
    served: str
    """URL of the repositories with build dependencies."""
    release: ReleaseRepository
    limits: Mapping[str, int]

    def arguments(self) -> list[Any]:
        """Options of ``lockgate-worker build``."""
        store = () if self.store is None else ("--store", self.store)
        return [
            *("--roots", str(self.roots), "--served", self.served, *store),
            *("--repository", self.release.as_json(), ahead(self.release.format)),
            *limits_arguments(self.limits),
        ]


def was_built_now(step: Any) -> bool:
    """Whether a build's files are new, and not those of an earlier build of the same inputs."""
    return "artifacts" not in step.getProperty("built")


class _Build(WorkerProgram):
    """Makes the property ``built``; ``artifacts`` too, after a build of the same inputs."""

    def succeeded(self, answer: dict[str, Any]) -> Any:
        """Show what was built, and where when it was before."""
        made = ", ".join(f"{p['name']} {p['version']}" for p in answer["packages"])
        self.descriptionDone = made
        earlier = answer.get("artifacts")
        if earlier is None:
            return None
        self.descriptionDone = f"{made}: built before from the same inputs"
        self.setProperty("artifacts", earlier, self.name)
        return self.addURL("artifacts", f"{earlier['url']}/")


class RememberBuild(BuildStep):
    """Enters a build into the store of builds, so that its inputs are not built again.

    Of one that was found there it is noted that it was used now.
    """

    name = "remember-build"

    def __init__(self, store: Path, **kwargs: Any) -> None:
        self.store = store
        super().__init__(**kwargs)

    @defer.inlineCallbacks
    def run(self) -> Any:
        """Write the entry under a name of its own, then rename it."""
        built = self.getProperty("built")
        key = identifier(built["inputs"]["key"])
        entry = {"built": built, "artifacts": self.getProperty("artifacts")}

        def write() -> None:
            self.store.mkdir(parents=True, exist_ok=True)
            path = self.store / f"{key}.json"
            if was_built_now(self):
                FilePath(str(path)).setContent(json.dumps(entry).encode())
            elif path.exists():
                path.touch()

        yield threads.deferToThread(write)
        self.descriptionDone = key[:12]
        return SUCCESS


class BuildDeb(_Build):
    """Builds a DEB package from the unpacked tree in ``source``; answer: property ``built``."""

    def __init__(self, on: BuildHost, **kwargs: Any) -> None:
        super().__init__(
            ["build", "deb"],
            arguments=["--source", SOURCE, "--out", RESULTS, *on.arguments()],
            answer="built",
            name="build-DEB",
            **kwargs,
        )


class BuildRpm(_Build):
    """Builds an RPM package through an SRPM made from tree and spec; answer: ``built``.

    The release gets the suffix ``.lgN`` (macro ``dist``), N being the number of commits on the
    first-parent lines of the projects: every merged change has a version of its own, higher than
    the last, without an edit of the spec.
    """

    def __init__(
        self,
        spec: str,
        packaging: str,
        projects: list[str],
        on: BuildHost,
        *,
        base_repositories: Iterable[Mapping[str, Any]],
        mock: str | None,
        **kwargs: Any,
    ) -> None:
        @util.renderer
        def dist(properties: Any) -> str:
            states = properties["state"]["projects"]
            return f".lg{sum(states[project]['number'] for project in projects)}"

        super().__init__(
            ["build", "rpm"],
            arguments=[
                *("--source", SOURCE, "--packaging", packaging, "--spec", spec, "--dist", dist),
                *("--out", RESULTS, *on.arguments(), *base(base_repositories)),
                *(() if mock is None else ("--mock", mock)),
            ],
            answer="built",
            name="build-RPM",
            **kwargs,
        )


class CompareBuilds(WorkerProgram):
    """Compares ``results`` with the earlier build in ``first``; answer: property ``comparison``."""

    def __init__(self, package_format: str, **kwargs: Any) -> None:
        def inputs_of(name: str) -> Any:
            @util.renderer
            def inputs(properties: Any) -> str:
                return json.dumps(properties[name]["inputs"])

            return inputs

        super().__init__(
            ["build", "compare"],
            arguments=[
                *("--format", package_format, "--first", FIRST, "--again", RESULTS),
                *("--inputs-of-first", inputs_of(FIRST_BUILT)),
                *("--inputs-of-again", inputs_of("built")),
            ],
            answer="comparison",
            name="compare",
            **kwargs,
        )

    def succeeded(self, answer: dict[str, Any]) -> None:
        """Say how much is the same."""
        self.descriptionDone = f"{len(answer['same'])} files are the same, byte for byte"
