"""Test repositories of proposed changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.plugins import util

from schedulers.builder_names import of_test_repository
from steps.program import WorkerProgram

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = "packages"  # folder below the build's working folder


@util.renderer
def _identifier(properties: Any) -> str:
    return of_test_repository(properties["buildername"], properties["buildnumber"])


class PublishTestRepository(WorkerProgram):
    """Makes a test repository of ``packages``; answer: property ``test_repository``."""

    def __init__(
        self,
        package_format: str,
        codename: str,
        served: Path,
        url: str,
        signing_home: Path,
        **kwargs: Any,
    ) -> None:
        self.url = url
        super().__init__(
            ["repository", "test"],
            arguments=[
                *("--format", package_format, "--codename", codename),
                *("--id", _identifier),
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
