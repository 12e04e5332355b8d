"""Removing test repositories that nobody needs any more."""

from __future__ import annotations

import secrets
import shutil
import time
from typing import TYPE_CHECKING, Any

from workers.outcome import BadRequest
from workers.repository.test import PARTIAL, TEST

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_DAY_SECONDS = 86400.0


def clean_test_repositories(served: Path, days: float, in_use: Iterable[str]) -> dict[str, Any]:
    """Remove test repositories made more than ``days`` ago, but for those named in ``in_use``.

    What a killed program left half made is removed after a day. Raises BadRequest if ``served``
    is no folder.
    """
    if not served.is_dir():
        raise BadRequest(f"there is no folder {served}")
    kept, removed = {*in_use}, []
    for root in sorted((served / TEST).glob("*")):
        if root.name not in kept and _age(root) > days * _DAY_SECONDS:
            # Clients find all of it or nothing.
            going = root.with_name(f"{PARTIAL}{secrets.token_hex(6)}")
            root.rename(going)
            shutil.rmtree(going)
            removed.append(root.name)
    for left in (served / TEST).glob(f"{PARTIAL}*"):
        if _age(left) > _DAY_SECONDS:
            shutil.rmtree(left)
    return {"removed": removed}


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime
