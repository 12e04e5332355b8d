"""What was signed, when, with which key, for which build: one JSON object a line, only appended."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def record(home: Path, **facts: str) -> None:
    """Append a line and make it durable, before the signature is handed out."""
    line = json.dumps({"time": datetime.now(UTC).isoformat(), **facts}, sort_keys=True) + "\n"
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    descriptor = os.open(home / "signed.log", flags, 0o600)
    try:
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
