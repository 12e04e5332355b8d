"""The table of real source packages that are built: see packages.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class SourcePackage(BaseModel):
    """One line of the table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    kinds: tuple[str, ...]
    quick: bool = False
    written: bool = False
    needs: tuple[str, ...] = ()
    fails: dict[str, str] = {}


def _read(text: str) -> dict[str, SourcePackage]:
    lines = [SourcePackage.model_validate(line) for line in tomllib.loads(text)["package"]]
    return {line.source: line for line in lines}


WRITTEN = Path(__file__).with_name("deb")
SOURCE_PACKAGES = _read(Path(__file__).with_name("packages.toml").read_text(encoding="utf-8"))
