"""What tests of workers share: a system user like a worker's, and its root images.

Root images are kept between runs of the same checkout in the folder the environment variable STATE
names, since making them takes most of a minute; without it they are made anew.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.workers.as_user import Worker, temporary_worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def worker() -> Iterator[Worker]:
    """An unprivileged user that programs and functions can be run as."""
    if os.geteuid() != 0:
        pytest.skip("only root can make the user that workers run as")
    with temporary_worker() as made:
        yield made


@pytest.fixture(scope="session")
def deb_build_root(worker: Worker) -> Path:
    """The image that DEB packages are built in."""
    return _root(worker, "deb-build")


@pytest.fixture(scope="session")
def rpm_build_root(worker: Worker) -> Path:
    """The image that RPM packages are built in."""
    return _root(worker, "rpm-build")


@pytest.fixture(scope="session")
def deb_install_root(worker: Worker) -> Path:
    """The smallest image, that DEB packages are installed in."""
    return _root(worker, "deb-install")


def _root(worker: Worker, kind: str) -> Path:
    return worker.root(kind)
