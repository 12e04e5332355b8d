"""Runs the cases that need Buildbot's own test support, which brings its own reactor.

Buildbot's test mixins for steps and schedulers belong to trial, and trial wants a reactor that
nobody else runs; other tests here keep one running. So each module of cases has its own process.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
CASES = sorted(str(path.relative_to(_HERE)) for path in _HERE.rglob("trial_*.py"))


@pytest.mark.parametrize("module", CASES)
def test_cases(module: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", _HERE / module],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
