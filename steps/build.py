"""Building a package in a clean, disposable root."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.plugins import util

from steps.program import WorkerProgram, limits_arguments

if TYPE_CHECKING:
    from pathlib import Path

RESULTS = "results"  # folder below the build's working folder
SOURCE = "source"
PACKAGING = "packaging"


class BuildDeb(WorkerProgram):
    """Builds a DEB package from the unpacked tree in ``source``; answer: property ``built``."""

    def __init__(self, roots: Path, limits: dict[str, int], **kwargs: Any) -> None:
        super().__init__(
            ["build", "deb"],
            arguments=[
                *("--source", SOURCE, "--out", RESULTS, "--roots", str(roots)),
                *limits_arguments(limits),
            ],
            answer="built",
            name="build-DEB",
            **kwargs,
        )

    def succeeded(self, answer: dict[str, Any]) -> None:
        """Show what was built."""
        self.descriptionDone = _what_was_built(answer)


class BuildRpm(WorkerProgram):
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
                *limits_arguments(limits),
            ],
            answer="built",
            name="build-RPM",
            **kwargs,
        )

    def succeeded(self, answer: dict[str, Any]) -> None:
        """Show what was built."""
        self.descriptionDone = _what_was_built(answer)


def _what_was_built(answer: dict[str, Any]) -> str:
    return ", ".join(f"{p['name']} {p['version']}" for p in answer["packages"])
