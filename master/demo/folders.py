"""Making folders and files that belong to a system user, as root."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def owned_folder(path: Path, user: str, mode: int = 0o755) -> Path:
    """Make a folder for a user; folders above it stay root's."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    shutil.chown(path, user, user)
    return path


def owned_file(path: Path, content: str, user: str, mode: int = 0o600) -> Path:
    """Write a file that is a user's from its first byte."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        shutil.chown(path, user, user)
        os.fchmod(file.fileno(), mode)
        file.write(content)
    return path
