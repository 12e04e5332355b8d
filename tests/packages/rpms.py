"""RPM packages written for these tests, each built and published once, after those it needs."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from tests.packages.chain import Chain, Published

DIST = ".lg1"

_HERE = Path(__file__).parent


class RpmPackage(BaseModel):
    """One line of the table: see rpms.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kinds: tuple[str, ...]
    quick: bool = False
    needs: tuple[str, ...] = ()
    debug: tuple[str, ...] = ()
    packages: dict[str, str]
    smoke: bool = False

    @property
    def source(self) -> Path:
        """The source tree."""
        return _HERE / "rpm" / self.name / "source"

    @property
    def packaging(self) -> Path:
        """The packaging tree."""
        return _HERE / "rpm" / self.name / "packaging"


def _read(text: str) -> dict[str, RpmPackage]:
    lines = [RpmPackage.model_validate(line) for line in tomllib.loads(text)["package"]]
    return {line.name: line for line in lines}


RPM_PACKAGES = _read((_HERE / "rpms.toml").read_text(encoding="utf-8"))


class Rpms:
    """The packages of the table that were asked for."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self._published: dict[str, Published] = {}

    def published(self, name: str) -> Published:
        """Build and publish a package, if that was not done yet."""
        if name not in self._published:
            package = RPM_PACKAGES[name]
            for need in package.needs:
                self.published(need)
            tree = self.chain.worker.tree
            what = self.build_arguments(name, tree(package.source), tree(package.packaging))
            self._published[name] = self.chain.publish(*self.chain.build(*what))
        return self._published[name]

    def build_arguments(self, name: str, source: Path, packaging: Path) -> tuple[str | Path, ...]:
        """What is built."""
        trees = ("--source", source, "--packaging", packaging)
        return *trees, "--spec", f"{name}.spec", "--dist", DIST
