"""Runs the cases that need Buildbot's own test support, which brings its own reactor.

Buildbot's :class:`TestBuildStepMixin` belongs to trial, and trial wants a reactor that nobody else
runs; other tests here keep one running. So each module of cases has a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CASES = sorted(path.stem for path in Path(__file__).parent.glob("trial_*.py"))


@pytest.mark.parametrize("module", CASES)
def test_steps(module: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", Path(__file__).with_name(f"{module}.py")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
