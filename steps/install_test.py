"""Install test: every built package by itself, in a machine that knows nothing but the tests'."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from buildbot.plugins import util

from steps.program import WorkerProgram, limits_arguments
from steps.repositories import ahead, base

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from steps.repositories import ReleaseRepository


class InstallTest(WorkerProgram):
    """Installs, smoke-tests and removes each package; answer: property ``install_test``."""

    def __init__(
        self,
        package_format: str,
        served: str,
        release: ReleaseRepository,
        roots: Path,
        limits: dict[str, int],
        tests: str,
        smoke: str | None,
        *,
        base_repositories: Iterable[Mapping[str, Any]] = (),
        **kwargs: Any,
    ) -> None:
        @util.renderer
        def packages(properties: Any) -> str:
            return ",".join(
                f"{package['name']}={package['version']}"
                for package in properties["test_repository"]["packages"]
                if package["architecture"] not in ("source", "src")
            )

        @util.renderer
        def repository(properties: Any) -> str:
            return json.dumps(properties["test_repository"])

        super().__init__(
            ["test", "install"],
            arguments=[
                *("--format", package_format, "--served", served, "--repository", repository),
                *("--packages", packages, "--roots", str(roots)),
                ahead(package_format),
                *("--other", release.as_json(), *base(base_repositories)),
                *("--tests", tests),
                *(() if smoke is None else ("--smoke", f"{tests}/{smoke}")),
                *limits_arguments(limits),
            ],
            answer="install_test",
            name="install-test",
            **kwargs,
        )
