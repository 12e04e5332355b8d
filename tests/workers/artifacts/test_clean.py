"""Artifacts stay below a size; what is in use or was just used stays whatever the size."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from workers.artifacts.clean import clean
from workers.outcome import BadRequest, ExitStatus

if TYPE_CHECKING:
    from pathlib import Path

_HOUR = 3600
_SIZE = 1000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four builds, ``build-0`` used longest ago; each has an entry in the store."""
    made = tmp_path / "artifacts"
    for number in range(4):
        add(made, f"build-{number}", hours=10 - number)
    return made


def add(root: Path, name: str, hours: float) -> None:
    """Add a build used so long ago, with its entry."""
    folder, store = root / name, root / "builds"
    folder.mkdir(parents=True)
    store.mkdir(exist_ok=True)
    (folder / "a.deb").write_bytes(bytes(_SIZE))
    entry = {"built": {}, "artifacts": {"url": f"http://host/artifacts/{name}", "files": {}}}
    (store / f"{name}.json").write_text(json.dumps(entry))
    for path in (folder, store / f"{name}.json"):
        used(path, hours)


def used(path: Path, hours: float) -> None:
    """Let something have been used so long ago."""
    then = time.time() - hours * _HOUR
    os.utime(path, (then, then))


def names(root: Path) -> list[str]:
    """Builds that are there; each has its entry, and no entry leads nowhere."""
    found = sorted(path.name for path in root.iterdir() if path.name != "builds")
    assert sorted(path.stem for path in (root / "builds").iterdir()) == found
    return found


def run(root: Path, most: int, in_use: tuple[str, ...] = ()) -> dict[str, Any]:
    return clean(root, root / "builds", most, in_use)


def test_below_the_size_everything_stays(root: Path) -> None:
    assert run(root, 4 * _SIZE) == {"removed": [], "bytes": 4 * _SIZE, "warnings": []}
    assert len(names(root)) == 4


def test_what_was_used_longest_ago_goes_first(root: Path) -> None:
    assert run(root, 2 * _SIZE)["removed"] == ["build-0", "build-1"]
    assert names(root) == ["build-2", "build-3"]


def test_to_be_found_again_is_to_be_used(root: Path) -> None:
    used(root / "builds" / "build-0.json", hours=2)
    assert run(root, 3 * _SIZE)["removed"] == ["build-1"]


def test_what_is_in_use_stays(root: Path) -> None:
    assert run(root, 2 * _SIZE, ("build-0", "build-2"))["removed"] == ["build-1", "build-3"]
    assert names(root) == ["build-0", "build-2"]


def test_what_was_just_used_stays_and_it_is_told(root: Path) -> None:
    add(root, "build-now", hours=0.5)
    done = run(root, 1)
    assert names(root) == ["build-now"]
    assert done["bytes"] == _SIZE
    assert "more than the" in done["warnings"][0]


def test_what_has_no_entry_is_removed_like_any_other(root: Path) -> None:
    (root / "builds" / "build-0.json").unlink()
    assert run(root, 3 * _SIZE)["removed"] == ["build-0"]


def test_entries_that_lead_nowhere_and_halves_are_removed(root: Path) -> None:
    (root / "build-3").rename(root / ".going-123")
    (root / "builds" / "damaged.json").write_text("{")
    run(root, 4 * _SIZE)
    assert names(root) == ["build-0", "build-1", "build-2"]


def test_no_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="there is no folder"):
        run(tmp_path / "nowhere", 1)


def test_the_program_must_be_told_what_is_in_use(root: Path) -> None:
    command = [sys.executable, "-m", "workers.cli", "artifacts", "clean", "--root", str(root)]
    command += ["--store", str(root / "builds"), "--most-mib", "1"]
    untold = subprocess.run(command, input="", capture_output=True, text=True, check=False)
    assert untold.returncode == ExitStatus.BAD_REQUEST
    assert "does not tell what is in use" in untold.stdout
    told = json.dumps({"artifacts": ["build-0"], "test_repositories": []})
    done = subprocess.run(command, input=told, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["removed"] == []
