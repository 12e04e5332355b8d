"""How long each part of a demonstration takes, the first time and later."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Stopwatch:
    """Seconds by part; those of the run that filled the caches are kept among these, in ``file``.

    Parts may be taken at the same time, from several threads.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.taken: dict[str, float] = {}
        self._fills_the_caches = not file.parent.exists()

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        """Time what is done in the block."""
        began = time.monotonic()
        self.taken[part] = 0  # parts are listed as they began
        yield
        self.taken[part] = time.monotonic() - began

    def keep(self) -> None:
        """Leave the times for later runs, if this is the run that filled the caches."""
        if self._fills_the_caches:
            self.file.write_text(json.dumps(self.taken), encoding="utf-8")

    def runs(self) -> dict[str, dict[str, float]]:
        """This run's times, after those of the run that filled the caches, if they were kept."""
        if self._fills_the_caches:
            return {"first run": self.taken}
        if not self.file.exists():
            return {"this run": self.taken}
        first = json.loads(self.file.read_text(encoding="utf-8"))
        return {"first run": first, "this run": self.taken}
