"""Reads ``debian/tests/control`` and says which of its tests the install test can run. Pure.

Format: README.package-tests of Debian's autopkgtest. What needs more than an ordinary user without
network on a minimal system is left out, with a reason.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath

from debian.deb822 import Deb822, PkgRelation

from workers.names import file_name, package_name
from workers.outcome import BadRequest, ChangeFault

_RUNNABLE = {"allow-stderr", "rw-build-tree", "skippable", "superficial", "skip-not-installable"}
_MOST_TESTS = 200

ALL_BUILT = "@"


@dataclass(frozen=True)
class Test:
    """One test of a source package."""

    name: str
    command: str
    """For bash, to be run in the source tree's folder."""
    packages: tuple[str, ...]
    """What must be installed; :data:`ALL_BUILT` stands for all packages built of this source."""
    allow_stderr: bool
    """Whether writing to standard error is no failure."""
    skippable: bool
    """Whether status 77 means that it could not be run."""
    skipped: str | None
    """Why it is not run."""


def read_tests(control: str, architecture: str) -> list[Test]:
    """Read all tests; :class:`ChangeFault` for a file that is none."""
    found: list[Test] = []
    for paragraph in Deb822.iter_paragraphs(control, use_apt_pkg=False):
        found += _read_paragraph(paragraph, architecture, len(found) + 1)
    if len(found) > _MOST_TESTS:
        raise ChangeFault(f"debian/tests/control has more than {_MOST_TESTS} tests")
    return found


def _read_paragraph(paragraph: Deb822, architecture: str, number: int) -> list[Test]:
    folder = paragraph.get("Tests-Directory", "debian/tests")
    if PurePosixPath(folder).is_absolute() or ".." in PurePosixPath(folder).parts:
        raise ChangeFault(f"debian/tests/control: Tests-Directory {folder!a} is not in the tree")
    restrictions = set(paragraph.get("Restrictions", "").replace(",", " ").split())
    packages, unmet = _packages(paragraph.get("Depends", "@"))
    skipped = unmet or _reason(restrictions, paragraph.get("Architecture"), architecture)
    names = paragraph.get("Tests", "").replace(",", " ").split()
    single = paragraph.get("Test-Command")
    if not names and single is None:
        raise ChangeFault(f"debian/tests/control: paragraph {number} has no Tests or Test-Command")
    files = {name: shlex.quote(f"./{folder}/{_checked(name)}") for name in names}
    commands = {name: f"chmod +x {file} && exec {file}" for name, file in files.items()}
    if single is not None:
        commands[_feature(paragraph, f"command{number}")] = single
    return [
        Test(
            name=name,
            command=command,
            packages=packages,
            allow_stderr="allow-stderr" in restrictions,
            skippable="skippable" in restrictions,
            skipped=skipped,
        )
        for name, command in commands.items()
    ]


def _reason(restrictions: set[str], architectures: str | None, architecture: str) -> str | None:
    unknown = sorted(restrictions - _RUNNABLE)
    if unknown:
        return f"its restriction {unknown[0]} is not supported in an install test"
    if architectures is not None and not set(architectures.replace(",", " ").split()) & {
        *("any", "all", "linux-any", architecture, f"any-{architecture}"),
    }:
        return f"it is not for {architecture}"
    return None


def _packages(depends: str) -> tuple[tuple[str, ...], str | None]:
    names: list[str] = []
    for part in (part.strip() for part in depends.split(",")):
        if not part:
            continue
        if part == ALL_BUILT:
            names.append(part)
            continue
        if part.startswith("@"):
            return (), f"it needs {part}"
        first = PkgRelation.parse_relations(part)[0][0]
        try:
            names.append(package_name(first["name"]))
        except BadRequest as error:
            raise ChangeFault(f"debian/tests/control: {error.reason}") from error
    return tuple(names), None


def _checked(name: str) -> str:
    try:
        return file_name(name)
    except BadRequest as error:
        raise ChangeFault(f"debian/tests/control: {error.reason}") from error


def _feature(paragraph: Deb822, default: str) -> str:
    for feature in paragraph.get("Features", "").replace(",", " ").split():
        key, _, value = feature.partition("=")
        if key == "test-name" and value:
            return _checked(value)
    return default
