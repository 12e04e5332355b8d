"""What one run of the benchmark has to work with."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.benchmarks.inputs import Inputs
from tests.benchmarks.publisher import Keys
from tests.workers.repository.programs import end_agent
from workers.signing.gnupg import Home

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Bench:
    """Sizes, keys, packages and a folder for repositories, which ends with the run."""

    folder: Path
    inputs: Inputs
    keys: Keys
    sizes: Mapping[int, int]
    """Rounds by how many packages are in a repository before one is added."""
    rounds: int
    """Rounds of everything else."""


@contextmanager
def bench(work: Path, sizes: Mapping[int, int], rounds: int) -> Iterator[Bench]:
    """Set up below a folder; the packages made stay there for the next run."""
    folder = work / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    home = Home.of(folder / "keys")
    try:
        keys = Keys(
            home,
            {
                "deb": home.make_key("deb", "bench of deb <deb@example.org>"),
                "rpm": home.make_key("rpm", "bench of rpm <rpm@example.org>"),
            },
        )
        yield Bench(folder, Inputs(work / "inputs"), keys, sizes, rounds)
    finally:
        end_agent(home.path)
        shutil.rmtree(folder)
