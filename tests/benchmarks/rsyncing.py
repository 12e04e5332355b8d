"""How repositories are mirrored without Lockgate: by rsync(1) alone, and by the classic script.

Each brings one repository below the module of an rsync daemon, and counts its sessions and bytes.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.workers.mirrors.daemon import Daemon

_SECONDS = 300
_SNAPSHOTS_KEPT = 1  # besides the new one


@dataclass
class Cost:
    """What bringing a mirror up to date takes."""

    sent: int = 0
    """Bytes."""
    received: int = 0
    sessions: int = 0


@dataclass
class Sessions:
    """rsync(1) with the module of a daemon."""

    daemon: Daemon
    cost: Cost = field(default_factory=Cost)

    def copy(self, *words: str, to: str) -> None:
        """Send something to a path of the module."""
        done = self._talk("--stats", *words, f"{self._module}/{to}")
        self.cost.sent += _bytes("sent", done)
        self.cost.received += _bytes("received", done)

    def names(self, folder: str) -> list[str]:
        """List a folder."""
        lines = self._talk("--list-only", f"{self._module}/{folder}/").splitlines()
        return [name for name in (line.split(maxsplit=4)[4] for line in lines) if name != "."]

    @property
    def _module(self) -> str:
        return f"rsync://syncer@127.0.0.1:{self.daemon.port}/mirrors"

    def _talk(self, *words: str) -> str:
        self.cost.sessions += 1
        done = subprocess.run(
            ["rsync", f"--password-file={self.daemon.folder / 'password'}", *words],
            check=True,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
        )
        return done.stdout


@dataclass
class Plain:
    """One run over everything; what clients see meanwhile is a mixture."""

    daemon: Daemon
    name: str
    """The mirror's, below the module."""
    options: Sequence[str] = ()

    def sync(self, source: Path) -> Cost:
        """Bring the mirror up to date."""
        sessions = Sessions(self.daemon)
        hidden = "--exclude=.*"
        sessions.copy("-a", "--delete", hidden, *self.options, f"{source}/", to=f"{self.name}/")
        return sessions.cost


@dataclass
class Script:
    """The classic transactional script, with a session for each act.

    A snapshot is made of hard links to the last, packages first, then metadata; symbolic links
    lead to it once it is there, each with a text beside it for those who cannot read links; then
    old snapshots are emptied and removed. An act is one session, as such scripts have it.
    """

    daemon: Daemon
    name: str
    metadata: str
    """The folder of indexes."""
    _numbers: Iterator[int] = field(default_factory=count)

    def sync(self, source: Path) -> Cost:
        """Bring the mirror up to date."""
        sessions, number = Sessions(self.daemon), next(self._numbers)
        snapshot = f"snapshots/{number:06}"
        with tempfile.TemporaryDirectory() as made:
            empty, scratch = Path(made, "empty"), Path(made, "scratch")
            empty.mkdir()
            scratch.mkdir()
            if number == 0:
                for folder in (self.name, f"{self.name}/snapshots"):
                    sessions.copy("-a", f"{empty}/", to=f"{folder}/")
            before = sessions.names(f"{self.name}/snapshots")
            linked = [f"--link-dest=../{max(before)}"] if before else []
            to = f"{self.name}/{snapshot}"
            sessions.copy("-a", f"{empty}/", to=f"{to}/")
            sessions.copy("-a", f"--exclude=/{self.metadata}", *linked, f"{source}/", to=f"{to}/")
            sessions.copy("-a", *linked, f"{source}/{self.metadata}", to=f"{to}/")
            for name in ("latest", "stable"):
                self._lead(sessions, scratch, name, snapshot)
            there = sorted(sessions.names(f"{self.name}/snapshots"))
            for old in there[: -1 - _SNAPSHOTS_KEPT]:
                folder = f"{self.name}/snapshots"
                sessions.copy("-a", "--delete", f"{empty}/", to=f"{folder}/{old}/")
                this = (f"--include=/{old}", "--exclude=*")
                sessions.copy("-r", "--delete", *this, f"{empty}/", to=f"{folder}/")
        return sessions.cost

    def _lead(self, sessions: Sessions, scratch: Path, name: str, snapshot: str) -> None:
        """Let a symbolic link lead to a snapshot."""
        link, text = scratch / name, scratch / f"{name}.target.txt"
        link.symlink_to(snapshot)
        text.write_text(f"{snapshot}\n")
        sessions.copy("--links", str(link), to=f"{self.name}/")
        sessions.copy("--links", str(text), to=f"{self.name}/")


def _bytes(direction: str, said: str) -> int:
    found = re.search(rf"^Total bytes {direction}: ([\d,]+)$", said, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"rsync does not tell how much was {direction}: {said[-500:]}")
    return int(found[1].replace(",", ""))
