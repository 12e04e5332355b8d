"""The packages that a benchmark publishes: made once, kept for the next run."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tests.benchmarks import debs, rpms, sketches

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Format = Literal["deb", "rpm"]

_BATCH = 250
_MAKERS: dict[Format, Callable[[range, Path], None]] = {
    "deb": debs.make_debs,
    "rpm": rpms.make_rpms,
}


@dataclass(frozen=True)
class Inputs:
    """Packages below a folder, in an order in which neighbours are no neighbours in an index."""

    folder: Path

    def packages(self, package_format: Format, count: int) -> list[Path]:
        """So many packages, each of another name; made where they are missing."""
        found: list[Path] = []
        for first in range(0, count, _BATCH):
            found += self._batch(package_format, range(first, first + _BATCH))
        return found[:count]

    def _batch(self, package_format: Format, numbers: range) -> list[Path]:
        kept = self.folder / package_format / _edition() / f"{numbers.start:06}"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(dir=kept.parent, prefix=".partial-"))
            try:
                _MAKERS[package_format](numbers, partial)
                partial.rename(kept)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        return sorted(kept.iterdir(), key=lambda path: hashlib.sha256(path.name.encode()).digest())


def gather(packages: Sequence[Path], folder: Path) -> Path:
    """A folder that holds these packages."""
    folder.mkdir(parents=True)
    for package in packages:
        os.link(package, folder / package.name)
    return folder


def _edition() -> str:
    """What the makers are; packages of other makers are not taken for theirs."""
    digest = hashlib.sha256()
    for module in (sketches, debs, rpms):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()[:12]
