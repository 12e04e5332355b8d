"""Making a speculative state: the change merged on its branch, with the items ahead."""

from __future__ import annotations

from typing import Any

from buildbot.plugins import util
from twisted.internet import defer

from steps.program import WorkerProgram

SOURCES_CACHE = "../../sources"  # one git cache for all builders of a worker


class MergeState(WorkerProgram):
    """Merges the property ``merge_request``; exports its projects' trees when ``export`` says so.

    ``export`` maps a Gerrit project to a folder below the build's working folder. The answer
    (tip, commit and tree of each project) becomes the property ``state``.
    """

    def __init__(self, export: dict[str, str] | None = None, **kwargs: Any) -> None:
        @util.renderer
        @defer.inlineCallbacks
        def request(properties: Any) -> Any:
            merge = yield properties.render(util.Property("merge_request"))
            return {**merge, "work": SOURCES_CACHE, "export": export}

        super().__init__(
            ["source", "merge"],
            arguments=["--request", "/dev/stdin"],
            request=request,
            answer="state",
            name="merge",
            **kwargs,
        )

    def succeeded(self, answer: dict[str, Any]) -> None:
        """Show the tree that is built on the build's page."""
        for project, state in answer["projects"].items():
            self.descriptionDone = f"{project}: {state['tree'][:12]}"
