"""Sessions of rsync(1) with one mirror."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workers.outcome import InfrastructureFault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from workers.mirrors.target import Target

_IDLE_SECONDS = 60
_LONGEST_SECONDS = 4 * 3600
# Connection, protocol stream, partial transfers, vanished files, time-outs; ssh's own failure.
_MAY_PASS = (10, 12, 23, 24, 30, 35, 255)
# Told with a status that other troubles have too.
_PASSES = re.compile(r"max connections \(\d+\) reached")
_NEVER_PASSES = re.compile(
    r"auth failed|Unknown module|Host key verification failed|Permission denied|read only"
)
_PACKAGES = (".deb", ".rpm", ".dsc")
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
    sent: int = 0
    """Bytes, of all sessions."""
    received: int = 0
    added: set[str] = field(default_factory=set)
    """Packages that the mirror got."""
    removed: set[str] = field(default_factory=set)
    """Packages that it lost."""

    def send(self, paths: Sequence[str]) -> None:
        """Bring some files of the repository, all of them in one session."""
        self._run(["--fuzzy", "--from0", "--files-from=-", f"{self.repository}/"], paths)

    def send_all(self, excluded: Sequence[str]) -> None:
        """Bring the whole repository without what is excluded."""
        # A folder of a stranger may be where a file belongs.
        options = ["--recursive", "--fuzzy", "--force", *_excluding(excluded)]
        self._run([*options, f"{self.repository}/"])

    def strangers(self, excluded: Sequence[str]) -> list[str]:
        """What the mirror has and the repository has not, without what is excluded."""
        options = ["--recursive", "--dry-run", "--delete", *_excluding(excluded)]
        output = self._talk([*options, f"{self.repository}/"])
        names = (line.partition(" ")[2] for line in output if line.startswith("*deleting "))
        return [_unescaped(name.strip()).rstrip("/") for name in names]

    def send_from(self, folder: Path) -> None:
        """Bring the files of another folder."""
        self._run(["--recursive", f"{folder}/"])

    def remove(self, paths: Sequence[str]) -> None:
        """Take away files and whole folders that the repository has no more."""
        options = [
            "--delete-missing-args",
            "--force",
            "--no-implied-dirs",
            "--from0",
            "--files-from=-",
        ]
        self._run([*options, f"{self.repository}/"], paths)

    def _run(self, arguments: Sequence[str], paths: Sequence[str] = ()) -> None:
        for line in self._talk(arguments, paths):
            change, _, name = line.partition(" ")
            if not name.strip().endswith(_PACKAGES):
                continue
            if change.startswith("<f+++"):
                self.added.add(name.strip())
            elif change == "*deleting":
                self.removed.add(name.strip())

    def _talk(self, arguments: Sequence[str], paths: Sequence[str] = ()) -> list[str]:
        """One session; answers what was said of each file."""
        self.sessions += 1
        try:
            with self.target.options() as options:
                result = subprocess.run(
                    [
                        # A commit point must not be sent by what is left of a killed sync.
                        *("setpriv", "--pdeathsig", "KILL", "--"),
                        *("rsync", "--links", "--times", "--perms", "--hard-links"),
                        "--chmod=D755,F644",
                        # Times in seconds do not tell two publishes of one second apart.
                        *("--modify-window=-1", "--mkpath", "--out-format=%i %n", "--stats"),
                        *(f"--timeout={_IDLE_SECONDS}", *options, *arguments),
                        f"{self.target.destination}/",
                    ],
                    env={**os.environ, "LC_ALL": "C"},
                    input="".join(f"{path}\0" for path in paths),
                    capture_output=True,
                    encoding="utf-8",
                    errors="replace",
                    timeout=_LONGEST_SECONDS,
                    check=False,
                )
        except subprocess.TimeoutExpired as error:
            raise NotYet(f"rsync: not done after {_LONGEST_SECONDS} seconds") from error
        self.sent += _number("Total bytes sent", result.stdout)
        self.received += _number("Total bytes received", result.stdout)
        if result.returncode != 0:
            raise _trouble(result.returncode, result.stderr)
        return result.stdout.splitlines()


def _trouble(status: int, said: str) -> NotYet | InfrastructureFault:
    lines = said.strip().splitlines()
    reason = next(iter(lines), f"status {status}, no reason given")
    refusal = _NEVER_PASSES.search(said)
    if refusal is None and (status in _MAY_PASS or _PASSES.search(said)):
        return NotYet(f"rsync: {reason}")
    if refusal is not None:
        reason = next(line for line in lines if refusal[0] in line)
    return InfrastructureFault(f"rsync is refused: {reason}", said[-1000:])


def _excluding(patterns: Sequence[str]) -> list[str]:
    return [f"--exclude={pattern}" for pattern in patterns]


def _unescaped(name: str) -> str:
    plain = _ESCAPED.sub(lambda found: bytes([int(found[1], 8) & 0xFF]), name.encode())
    return plain.decode(errors="replace")


def _number(name: str, output: str) -> int:
    match = re.search(rf"^{name}: ([\d,.]+)$", output, re.MULTILINE)
    return int(re.sub(r"\D", "", match[1])) if match else 0
