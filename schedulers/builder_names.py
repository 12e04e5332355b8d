"""Names and tags of builders: one place, so that schedulers, steps' triggers and pages agree.

A builder is named ``JOB/RELEASE/PACKAGE`` (``check/main/hello``), or, where it serves a whole
repository, ``JOB/RELEASE/FORMAT`` (``release/main/deb``) and ``sync/RELEASE/FORMAT/MIRROR``; what
serves the whole site is ``clean/WHAT``, what serves one worker ``roots/WORKER`` or
``keys/SIGNER``.
"""

from __future__ import annotations

import hashlib
import re

PACKAGE_JOBS = (
    "check",
    "gate",
    "publish",
    "build",
    "test-repository",
    "lint",
    "install-test",
    "rebuild",
)

CLEAN_ARTIFACTS = "clean/artifacts"
CLEAN_TESTS = "clean/test-repositories"
_SYNC = "sync/"
_LONGEST = 80


def of_package(job: str, release: str, package: str) -> str:
    """The builder of one job of one package in one release."""
    return f"{job}/{release}/{package}"


def of_repository(job: str, release: str, package_format: str) -> str:
    """A builder that acts on a release repository, such as ``release`` or ``sign``."""
    return f"{job}/{release}/{package_format}"


def of_mirror(release: str, package_format: str, mirror: str) -> str:
    """The builder that brings one mirror to the published generation."""
    return f"{_SYNC}{release}/{package_format}/{mirror}"


def is_of_mirror(builder: str) -> bool:
    """Whether a builder's name is that of one that brings a mirror up to date."""
    return builder.startswith(_SYNC)


def of_merge(release: str) -> str:
    """The builder that makes the gate's speculative states."""
    return f"merge/{release}"


def of_roots(worker: str) -> str:
    """The builder that refreshes a worker's root images."""
    return f"roots/{worker}"


def of_keys(signer: str) -> str:
    """The builder that looks at a signer's keys and log."""
    return f"keys/{signer}"


def gate_scheduler(release: str) -> str:
    """The scheduler that runs a release's gate."""
    return f"gate-{release}"


def slug(builder: str) -> str:
    """A builder's name as one path component."""
    return builder.replace("/", "-")


def of_test_repository(builder: str, number: int) -> str:
    """The name of the test repository that a build makes, unlike that of any other build.

    It has lower-case letters, digits and ``. _ -`` only: it becomes part of a path and of an
    address. Packages whose names it cannot show stay apart by a part of their names' hash.
    """
    whole = slug(builder.partition("/")[2])
    shown = re.sub("[^a-z0-9._-]", "_", whole.lower())[:_LONGEST]
    if shown != whole:
        shown += f"-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"
    return f"{shown}-{number}"
