"""What was signed, when, with which key, for which build: one JSON object a line, only appended."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


_NAME = "signed.log"
_TAIL_BYTES = 1 << 18


def record(home: Path, **facts: str) -> None:
    """Append a line and make it durable, before the signature is handed out."""
    line = json.dumps({"time": datetime.now(UTC).isoformat(), **facts}, sort_keys=True) + "\n"
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    descriptor = os.open(home / _NAME, flags, 0o600)
    try:
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def last_recorded(home: Path, **facts: str) -> dict[str, str] | None:
    """The newest of the last few hundred lines that says these facts."""
    try:
        with (home / _NAME).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return None
    for line in reversed(lines):
        try:
            entry: dict[str, str] = json.loads(line)
        except ValueError:  # cut off: by the tail's beginning, or by a crash
            continue
        if facts.items() <= entry.items():
            return entry
    return None
