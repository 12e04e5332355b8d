"""Deciding what is published: what the gate tested, or a new build of what was merged."""

from __future__ import annotations

from typing import Any

from buildbot.plugins import util

from steps.program import WorkerProgram
from steps.source import SOURCES_CACHE


def _was_tested(step: Any) -> bool:
    return bool(step.build.getProperties().hasProperty("merged"))


def is_not_what_was_tested(step: Any) -> bool:
    """True unless the gate's build is of exactly the tree that was merged."""
    comparison = step.build.getProperties().getProperty("comparison", {"same": False})
    return not comparison["same"]


class CompareMerged(WorkerProgram):
    """Compares the merged commit's tree with the tested one; answer: property ``comparison``.

    Runs when the gate handed over what it merged (property ``merged``: project, commit and tested
    tree); anything else is built anew.
    """

    def __init__(self, gerrit_url: str, branch: str, **kwargs: Any) -> None:
        def merged(key: str) -> Any:
            @util.renderer
            def value(properties: Any) -> str:
                # Rendered before it is known that the step is to be left out.
                return str(properties.getProperty("merged", {}).get(key))

            return value

        super().__init__(
            ["source", "merged"],
            arguments=[
                *(
                    "--url",
                    util.Interpolate("%(kw:url)s/%(kw:p)s", url=gerrit_url, p=merged("project")),
                ),
                *("--branch", branch, "--commit", merged("commit")),
                *("--expect-tree", merged("tree"), "--work", SOURCES_CACHE),
            ],
            answer="comparison",
            doStepIf=_was_tested,
            **kwargs,
        )

    def succeeded(self, answer: dict[str, Any]) -> None:
        """Say on the build's page whether the gate's packages are published."""
        self.descriptionDone = (
            "merged as tested" if answer["same"] else "merged tree differs from the tested one"
        )
