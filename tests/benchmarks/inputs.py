"""The packages that a benchmark publishes: made once, kept for the next run."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from tests.benchmarks import debs, rpms, sketches

if TYPE_CHECKING:
    from collections.abc import Sequence

Format = Literal["deb", "rpm"]

_BATCH = 50


class _Maker(Protocol):
    def __call__(self, numbers: range, folder: Path, revision: int = 0) -> None: ...


_MAKERS: dict[Format, _Maker] = {"deb": debs.make_debs, "rpm": rpms.make_rpms}


@dataclass(frozen=True)
class Inputs:
    """Packages below a folder, in an order in which neighbours are no neighbours in an index."""

    folder: Path

    def packages(self, package_format: Format, number: int) -> list[Path]:
        """So many packages, each of another name; made where they are missing."""
        batches = [range(first, first + _BATCH) for first in range(0, number, _BATCH)]
        # Programs make most of them: use all cores.
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            made = threads.map(partial(self._batch, package_format), batches)
            return [package for batch in made for package in batch][:number]

    def changing(self, package_format: Format, revision: int = 0) -> list[Path]:
        """The packages that change, in one of their versions."""
        return self._batch(package_format, sketches.CHANGING, revision)

    def _batch(self, package_format: Format, numbers: range, revision: int = 0) -> list[Path]:
        name = f"{numbers.start:07}-{revision:03}"
        kept = self.folder / package_format / _edition() / name
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(dir=kept.parent, prefix=".partial-"))
            try:
                _MAKERS[package_format](numbers, partial, revision)
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
