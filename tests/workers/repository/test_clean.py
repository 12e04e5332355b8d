"""Old test repositories are removed; those in use, and all others, stay."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from workers.outcome import BadRequest
from workers.repository.clean import clean_test_repositories

if TYPE_CHECKING:
    from pathlib import Path

_DAY = 86400


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    """Test repositories ``old``, ``used`` (old too) and ``new``, and what was left half made."""
    folder = tmp_path / "test"
    for name, days in {"old": 15, "used": 15, "new": 13, ".partial-1": 2, ".partial-2": 0}.items():
        (folder / name / "dists").mkdir(parents=True)
        then = time.time() - days * _DAY
        os.utime(folder / name, (then, then))
    return folder


def test_old_ones_go_unless_somebody_refers_to_them(tests: Path) -> None:
    (tests.parent / "release").mkdir()
    assert clean_test_repositories(tests.parent, 14, ["used"]) == {"removed": ["old"]}
    assert sorted(path.name for path in tests.iterdir()) == [".partial-2", "new", "used"]
    assert (tests.parent / "release").is_dir()


def test_none_is_no_fault(tmp_path: Path) -> None:
    assert clean_test_repositories(tmp_path, 14, []) == {"removed": []}


def test_a_wrong_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="there is no folder"):
        clean_test_repositories(tmp_path / "nowhere", 14, [])
