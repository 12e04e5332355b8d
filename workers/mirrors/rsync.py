"""Sessions of rsync(1) with one mirror."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.mirrors.listing import NEXT
from workers.outcome import InfrastructureFault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from workers.mirrors.target import Target

_IDLE_SECONDS = 60
# Nothing is said while a large file is read to be compared.
_IDLE_SECONDS_COMPARING = 600
_LONGEST_SECONDS = 4 * 3600
_SECONDS_BETWEEN_WORDS = 60
# Connection, protocol stream, partial transfers, vanished files, time-outs; ssh's own failure.
_MAY_PASS = (10, 12, 23, 24, 30, 35, 255)
# Told with a status that other troubles have too.
_PASSES = re.compile(r"max connections \(\d+\) reached")
_NEVER_PASSES = re.compile(
    r"auth failed|Unknown module|Host key verification failed|Permission denied|read only"
)
# `%i` has eleven characters, and one blank follows; a name may begin and end with blanks.
_NAME_AT = 12
# How rsync writes a byte that is no printable ASCII character.
_ESCAPED = re.compile(rb"\\#([0-7]{3})")


class NotYet(Exception):  # noqa: N818 - what is the case
    """Passing trouble: the same may work again."""


@dataclass
class Rsync:
    """Talks to a mirror, and counts what that costs."""

    target: Target
    repository: Path
    sessions: int = 0
    files_sent: int = 0
    """Those of which content was sent; others are linked."""
    files_removed: int = 0
    sent: int = 0
    """Bytes, of all sessions."""
    received: int = 0

    def send(self, folder: Path, *, compare: bool = False) -> None:
        """Bring all files of a folder; with ``compare`` whatever size and time say of them."""
        # A folder of a stranger may be where a file belongs. Records are text, and much of what
        # is sent.
        options = ["--recursive", "--fuzzy", "--force", "--compress"]
        if compare:
            options += ["--checksum", f"--timeout={_IDLE_SECONDS_COMPARING}"]
        self._talk([*options, f"{folder}/"])

    def strangers(self, folder: Path) -> list[str]:
        """What the mirror has and a folder has not, but for hidden names of others."""
        options = ["--recursive", "--dry-run", "--delete", f"--include=/{NEXT}", "--exclude=.*"]
        lines = self._talk([*options, f"{folder}/"])
        return [
            _unescaped(line[_NAME_AT:]).rstrip("/")
            for line in lines
            if line.startswith("*deleting ")
        ]

    def remove(self, paths: Sequence[str]) -> None:
        """Take away files and whole folders that the repository has no more."""
        options = [
            "--delete-missing-args",
            "--force",
            "--no-implied-dirs",
            "--from0",
            "--files-from=-",
        ]
        lines = self._talk([*options, f"{self.repository}/"], paths)
        gone = (line for line in lines if line.startswith("*deleting "))
        self.files_removed += sum(not line.endswith("/") for line in gone)

    def _talk(self, arguments: Sequence[str], paths: Sequence[str] = ()) -> list[str]:
        """One session; answers what was said of each file."""
        self.sessions += 1
        with self.target.options() as options:
            process = subprocess.Popen(
                [
                    # A commit point must not be sent by what is left of a killed sync.
                    *("setpriv", "--pdeathsig", "KILL", "--"),
                    *("rsync", "--links", "--times", "--omit-dir-times", "--perms"),
                    *("--hard-links", "--chmod=D755,F644"),
                    # Times in seconds do not tell two publishes of one second apart. Of its own,
                    # shorter word for that rrsync(1) knows nothing.
                    "--remote-option=--modify-window=-1",
                    *("--mkpath", "--out-format=%i %n", "--stats"),
                    *(f"--timeout={_IDLE_SECONDS}", *options, *arguments),
                    f"{self.target.destination}/",
                ],
                env={**os.environ, "LC_ALL": "C"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
            )
            with process:
                output, said = self._ended(process, "".join(f"{path}\0" for path in paths))
        self.sent += _number("Total bytes sent", output)
        self.received += _number("Total bytes received", output)
        if process.returncode != 0:
            raise _trouble(process.returncode, said)
        lines = output.split("\n")
        self.files_sent += sum(line.startswith("<f") for line in lines)
        return lines

    def _ended(self, process: subprocess.Popen[str], given: str) -> tuple[str, str]:
        """What a session said when it is over; meanwhile people are told that it goes on."""
        began, text = time.monotonic(), given
        try:
            while (seconds := time.monotonic() - began) < _LONGEST_SECONDS:
                try:
                    return process.communicate(text, timeout=_SECONDS_BETWEEN_WORDS)
                except subprocess.TimeoutExpired:
                    text = ""  # it has been given
                    sys.stderr.write(f"session {self.sessions}: {seconds / 60:.0f} minutes\n")
                    sys.stderr.flush()
        finally:
            process.kill()
        raise InfrastructureFault(f"rsync: not done after {seconds:.0f} seconds")


def _trouble(status: int, said: str) -> NotYet | InfrastructureFault:
    lines = said.strip().splitlines()
    reason = next(iter(lines), f"status {status}, no reason given")
    refusal = _NEVER_PASSES.search(said)
    if refusal is None and (status in _MAY_PASS or _PASSES.search(said)):
        return NotYet(f"rsync: {reason}")
    if refusal is not None:
        reason = next(line for line in lines if refusal[0] in line)
    return InfrastructureFault(f"rsync is refused: {reason}", said[-1000:])


def _unescaped(name: str) -> str:
    plain = _ESCAPED.sub(lambda found: bytes([int(found[1], 8) & 0xFF]), name.encode())
    return plain.decode(errors="replace")


def _number(name: str, output: str) -> int:
    match = re.search(rf"^{name}: ([\d,.]+)$", output, re.MULTILINE)
    return int(re.sub(r"\D", "", match[1])) if match else 0
