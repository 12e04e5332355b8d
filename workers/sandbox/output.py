"""What sandboxed commands print: shown, logged and bounded."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

_END_BYTES = 64 << 10
_TAIL_LINES = 40


class Output:
    """Copies output to standard error and into a log, the beginning and the end of it.

    ``limit`` bounds the bytes of the beginning; what comes after it is left out but for the last
    64 KiB of each run.
    """

    def __init__(self, log: BinaryIO | None, limit: int) -> None:
        self._log = log
        self._room = limit
        self._beyond = 0
        self._end = bytearray()

    def begin(self) -> None:
        """Forget the end of the run before."""
        self._beyond = 0
        self._end.clear()

    def take(self, chunk: bytes) -> bool:
        """Pass on what was printed; False once there is more than the limit."""
        shown, beyond = chunk[: self._room], chunk[self._room :]
        self._room -= len(shown)
        self._beyond += len(beyond)
        self._end += chunk
        del self._end[:-_END_BYTES]
        self._write(shown)
        return not beyond

    def finish(self) -> None:
        """Add the end if the limit cut it off."""
        if self._beyond:
            end = bytes(self._end[-self._beyond :])
            left_out = self._beyond - len(end)
            self._write(f"\n[{left_out} bytes left out here]\n".encode() + end)

    def tail(self) -> str:
        """Return the last lines of the present or last run."""
        lines = self._end.decode(errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])

    def _write(self, chunk: bytes) -> None:
        if not chunk:
            return
        sys.stderr.flush()
        left = memoryview(chunk)
        while left:
            left = left[os.write(2, left) :]
        if self._log is not None:
            self._log.write(chunk)
            self._log.flush()
