"""Test repositories of proposed changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.plugins import util

from steps.program import WorkerProgram

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PACKAGES = "packages"  # folder below the build's working folder


class PublishTestRepository(WorkerProgram):
    """Makes a test repository of ``packages``; answer: property ``test_repository``.

    ``identifier`` gives it a name by a builder's name and the number of a build of it.
    """

    def __init__(
        self,
        package_format: str,
        codename: str,
        identifier: Callable[[str, int], str],
        served: Path,
        url: str,
        signing_home: Path,
        **kwargs: Any,
    ) -> None:
        @util.renderer
        def rendered(properties: Any) -> str:
            return identifier(properties["buildername"], properties["buildnumber"])

        self.url = url
        super().__init__(
            ["repository", "test"],
            arguments=[
                *("--format", package_format, "--codename", codename),
                *("--id", rendered),
                *("--served", str(served), "--packages", PACKAGES, "--home", str(signing_home)),
            ],
            answer="test_repository",
            name="publish-test-repository",
            **kwargs,
        )

    def succeeded(self, answer: dict[str, Any]) -> Any:
        """Link the repository and hand its address on."""
        url = f"{self.url}/{answer['path']}/"
        self.setProperty("test_repository_url", url, self.name)
        return self.addURL("test repository", url)


class CheckPublishable(WorkerProgram):
    """Refuses what the release repository could not take: a version already there, or lower."""

    def __init__(self, package_format: str, codename: str, repository: Path, **kwargs: Any) -> None:
        super().__init__(
            ["repository", "accepts"],
            arguments=[
                *("--format", package_format, "--repository", str(repository)),
                *("--codename", codename),
                *("--packages", PACKAGES),
            ],
            name="compare-with-release-repository",
            **kwargs,
        )
