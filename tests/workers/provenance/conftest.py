"""A repository with records to be audited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from master.cli import main
from tests.workers.repository.conftest import (
    package_format,
    packages,
    release,
    served,
    served_folder,
    signer,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workers.repository.programs import Packages, ReleaseRepository

__all__ = ["package_format", "packages", "release", "served", "served_folder", "signer"]


@dataclass(frozen=True)
class Audited:
    """A release repository with two generations, and the commands that look into it."""

    release: ReleaseRepository

    @property
    def root(self) -> Path:
        """Its files."""
        return self.release.root

    @property
    def key(self) -> Path:
        """Its public key."""
        return self.root / "key.asc"

    def audit(self, *more: str | Path, where: str | None = None) -> tuple[int, list[str]]:
        """Status and lines of ``lockgate audit``."""
        key = () if "--key" in more else ("--key", self.key)
        return run("audit", where or self.root, *more, *key)

    def findings(self, *more: str | Path, where: str | None = None) -> list[str]:
        """Its findings; the last line, which counts them, is right."""
        status, (*found, count) = self.audit(*more, where=where)
        assert count.endswith(f"{len(found)} findings")
        assert status == (1 if found else 0)
        return found

    def package(self, version: str) -> Path:
        """The package file of a version."""
        ending = self.release.package_format
        (found,) = [
            path for path in self.root.rglob(f"demo*{version}-1*.{ending}") if path.is_file()
        ]
        return found

    def record(self, version: str) -> Path:
        """The record of that file."""
        path = self.package(version).relative_to(self.root)
        return self.root / "provenance" / f"{path}.json"


def run(*arguments: str | Path) -> tuple[int, list[str]]:
    """Status and lines of a command."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output.splitlines()


@pytest.fixture
def audited(release: ReleaseRepository, packages: Packages) -> Audited:
    """Versions 1.0 and 1.1 of a package were published."""
    for version in ("1.0", "1.1"):
        release.publish(packages.make(release.package_format, version))
    return Audited(release)
