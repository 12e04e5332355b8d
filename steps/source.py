"""Making a speculative state: the change merged on its branch, with the items ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.plugins import util
from twisted.internet import defer

from steps.program import WorkerProgram

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCES_CACHE = "../../sources"  # one git cache for all builders of a worker


class MergeState(WorkerProgram):
    """Merges the property ``merge_request``; exports its projects' trees when ``export`` says so.

    ``export`` maps a Gerrit project to a folder below the build's working folder. The answer
    (tip, commit and tree of each project) becomes the property ``state``. A build that was handed
    that property makes the same state again, wherever the branch is now.
    """

    def __init__(self, export: dict[str, str] | None = None, **kwargs: Any) -> None:
        @util.renderer
        @defer.inlineCallbacks
        def request(properties: Any) -> Any:
            merge = yield properties.render(util.Property("merge_request"))
            state = properties.getProperty("state")
            if state is not None:
                merge = made_again(merge, state)
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


def made_again(merge_request: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    """A request for a state that was made: on the same commits, with the same trees. Pure."""
    made = state["projects"]
    return {
        **merge_request,
        "projects": [
            {**project, "tip": made[project["name"]]["tip"], "at_tree": None}
            for project in merge_request["projects"]
        ],
        "expect": {name: project["tree"] for name, project in made.items()},
    }
