"""Lint of built packages."""

from __future__ import annotations

from typing import Any

from steps.program import WorkerProgram
from steps.repository import PACKAGES


class Lint(WorkerProgram):
    """Runs lintian or rpmlint on ``packages``; answer: property ``lint``.

    RPM: the folder ``packaging`` is where the spec and the overrides are. Lintian finds those of a
    DEB package in the package.
    """

    def __init__(self, package_format: str, packaging: str | None, **kwargs: Any) -> None:
        super().__init__(
            ["lint", package_format],
            arguments=[
                *("--packages", PACKAGES),
                *(() if packaging is None else ("--packaging", packaging)),
            ],
            answer="lint",
            name="lintian" if package_format == "deb" else "rpmlint",
            **kwargs,
        )

    def succeeded(self, answer: dict[str, Any]) -> Any:
        """List what the linter said as a log of its own."""
        lines = [f"{t['severity']}: {t['package']}: {t['tag']} {t['text']}" for t in answer["tags"]]
        self.descriptionDone = f"{len(lines)} remarks, none that forbids"
        return self.addCompleteLog("remarks", "\n".join(lines) + "\n" if lines else "none\n")
