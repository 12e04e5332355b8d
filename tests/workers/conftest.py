"""What tests of workers share: a system user like a worker's, and its root images.

Root images are kept between runs of the same checkout in the folder the environment variable STATE
names, since making them takes most of a minute; without it they are made anew.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.workers.as_user import Worker, copy_code
from workers.users import ensure_user

if TYPE_CHECKING:
    from collections.abc import Iterator

_USER = "lockgate-test"


@pytest.fixture(scope="session")
def worker() -> Iterator[Worker]:
    """An unprivileged user that programs and functions can be run as."""
    if os.geteuid() != 0:
        pytest.skip("only root can make the user that workers run as")
    user = ensure_user(_USER)
    # pytest's own folders are closed to other users.
    made = Path(tempfile.mkdtemp(prefix="lockgate-test-", dir="/var/tmp"))
    state = Path(os.environ["STATE"]) if "STATE" in os.environ else made
    try:
        made.chmod(0o755)
        code, scratch, roots = made / "code", made / "scratch", state / "test-roots"
        copy_code(code)
        for folder in (scratch, roots):
            folder.mkdir(exist_ok=True)
            os.chown(folder, user.pw_uid, user.pw_gid)
        yield Worker(user, code, scratch, roots)
    finally:
        shutil.rmtree(made)


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
    made = worker.program("root", "make", "--kind", kind, "--cache", worker.roots)
    assert made.status == 0, made.answer
    return Path(made.answer["root"])
