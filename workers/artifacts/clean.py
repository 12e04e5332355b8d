"""Keeping the artifacts below a size: what was used longest ago goes first."""

from __future__ import annotations

import secrets
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from workers.artifacts.store import Artifacts
from workers.outcome import BadRequest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_GOING = ".going-"
# A build that has just found an entry, or made one, may not have told so yet.
_JUST_USED_SECONDS = 3600.0


class _Entry(BaseModel):
    """What cleaning must know of an entry in the store of builds."""

    artifacts: Artifacts


@dataclass
class _Folder:
    """The files of one build."""

    path: Path
    size: int
    used: float
    """Seconds since 1970."""
    entries: list[Path] = field(default_factory=list)
    """Of the store of builds, that lead here."""


def clean(root: Path, store: Path, most: int, in_use: Iterable[str]) -> dict[str, Any]:
    """Remove the folders below ``root`` used longest ago until all take ``most`` bytes.

    Those named in ``in_use`` stay, and those used in the last hour. Entries of ``store`` leave
    with, and before, the folder they lead to. Raises BadRequest if there is no such root.
    """
    if not root.is_dir():
        raise BadRequest(f"there is no folder {root}")
    for left in root.glob(f"{_GOING}*"):
        shutil.rmtree(left)
    folders = _folders(root, store)
    _note_entries(folders, store)
    total = sum(folder.size for folder in folders.values())
    kept, removed = {*in_use}, []
    for name, folder in sorted(folders.items(), key=lambda item: item[1].used):
        if total <= most or time.time() - folder.used < _JUST_USED_SECONDS:
            break
        if name not in kept:
            _remove(folder)
            removed.append(name)
            total -= folder.size
    warnings = []
    if total > most:
        warnings.append(
            f"artifacts take {_mebibytes(total)} MiB, more than the {_mebibytes(most)} allowed: "
            "what is left is in use or was used in the last hour"
        )
    return {"removed": removed, "bytes": total, "warnings": warnings}


def _folders(root: Path, store: Path) -> dict[str, _Folder]:
    return {
        path.name: _Folder(
            path,
            sum(file.stat().st_size for file in path.rglob("*") if file.is_file()),
            path.stat().st_mtime,
        )
        for path in root.iterdir()
        if path.is_dir() and path != store
    }


def _note_entries(folders: dict[str, _Folder], store: Path) -> None:
    """Add the store's entries to the folders they lead to; remove those that lead nowhere."""
    for entry in store.glob("*.json"):
        try:
            url = _Entry.model_validate_json(entry.read_bytes()).artifacts.url
        except ValidationError:
            entry.unlink()
            continue
        folder = folders.get(url.rstrip("/").rpartition("/")[2])
        if folder is None:
            entry.unlink()
        else:
            folder.entries.append(entry)
            folder.used = max(folder.used, entry.stat().st_mtime)


def _remove(folder: _Folder) -> None:
    for entry in folder.entries:
        entry.unlink()
    # All of it goes at once: nobody is to find half of a build.
    going = folder.path.with_name(f"{_GOING}{secrets.token_hex(6)}")
    folder.path.rename(going)
    shutil.rmtree(going)


def _mebibytes(size: int) -> int:
    return size >> 20
