"""Running a worker's program as its user and reading its answer, as the steps do."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

from master.demo.processes import DidNotStart, as_user, environment
from workers.outcome import read_answer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def ask(user: str, home: Path, program: Sequence[str | Path], seconds: float = 600) -> Any:
    """The answer of ``lockgate-worker PROGRAM``; raises :class:`DidNotStart` when it fails."""
    result = subprocess.run(
        as_user(user, ["lockgate-worker", *program]),
        cwd=home,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if result.returncode != 0:
        words = " ".join(str(word) for word in program)
        raise DidNotStart(f"lockgate-worker {words} failed:\n{result.stderr[-2000:]}")
    return read_answer(result.stdout)
