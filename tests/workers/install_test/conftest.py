"""Fixtures of the install tests: repositories, and the program run as a worker would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.workers.install_test.served import Repositories

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.workers.as_user import Outcome, Worker


@pytest.fixture
def repositories(tmp_path: Path) -> Iterator[Repositories]:
    """Serve repositories for the length of a test."""
    with Repositories(tmp_path) as served:
        yield served


@pytest.fixture
def tested(worker: Worker, repositories: Repositories) -> Callable[..., Outcome]:
    """Return a function that runs the install test on a repository."""

    def run(package_format: str, repository: str, packages: str, *more: str | Path) -> Outcome:
        return worker.program(
            *("test", "install", "--format", package_format, "--served", repositories.url),
            *("--repository", repository, "--packages", packages, "--roots", worker.roots),
            *("--timeout", "120", "--disk", str(1 << 30)),
            *more,
        )

    return run
