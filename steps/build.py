"""Building a package in a clean, disposable root, or finding that it was built before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from buildbot.plugins import util
from buildbot.process.buildstep import BuildStep
from buildbot.process.results import SUCCESS
from twisted.internet import defer, threads
from twisted.python.filepath import FilePath

from steps.program import WorkerProgram, limits_arguments
from workers.names import identifier

if TYPE_CHECKING:
    from pathlib import Path

STORE = "builds"  # folder of the artifacts with an entry for each build by its inputs
RESULTS = "results"  # folder below the build's working folder
SOURCE = "source"
PACKAGING = "packaging"


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
    """Enters a build into the store of builds, so that its inputs are not built again."""

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
            FilePath(str(self.store / f"{key}.json")).setContent(json.dumps(entry).encode())

        yield threads.deferToThread(write)
        self.descriptionDone = key[:12]
        return SUCCESS


class BuildDeb(_Build):
    """Builds a DEB package from the unpacked tree in ``source``; answer: property ``built``."""

    def __init__(self, roots: Path, store: str, limits: dict[str, int], **kwargs: Any) -> None:
        super().__init__(
            ["build", "deb"],
            arguments=[
                *("--source", SOURCE, "--out", RESULTS, "--roots", str(roots)),
                *("--store", store, *limits_arguments(limits)),
            ],
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
        roots: Path,
        store: str,
        limits: dict[str, int],
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
                *("--out", RESULTS, "--roots", str(roots)),
                *("--store", store, *limits_arguments(limits)),
            ],
            answer="built",
            name="build-RPM",
            **kwargs,
        )
