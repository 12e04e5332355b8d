"""Looks at the host's processes, to see that a sandbox leaves none."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_PAUSE = 0.02
_Found = TypeVar("_Found")


def marker() -> str:
    """A number that is an argument of no other process; sleep(1) takes it as seconds."""
    return str(10**6 + uuid.uuid4().int % 10**9)


def running(mark: str) -> list[int]:
    """Processes with the mark in their command line or environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:  # it has ended
            continue
        if mark.encode() in text:
            found.append(int(folder.name))
    return found


def descendants(pid: int) -> list[tuple[int, str]]:
    """Processes below one, each with its time of start, since numbers are used again."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        fields = _fields(int(folder.name))
        if fields:
            parents[int(folder.name)] = int(fields[1])
    found = [pid]
    for each in found:
        found.extend(child for child, above in parents.items() if above == each)
    return [(each, _fields(each)[19]) for each in found[1:] if _fields(each)]


def still_there(processes: list[tuple[int, str]]) -> list[int]:
    """Those of the processes that have not ended."""
    return [pid for pid, started in processes if (_fields(pid) or [""] * 20)[19] == started]


def parent(pid: int) -> int:
    """The process that started another."""
    return int(_fields(pid)[1])


def namespace_pids(pid: int) -> list[int]:
    """A process's numbers, from the host's to that in its own namespace."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return [int(x) for x in next(x for x in lines if x.startswith("NSpid:")).split()[1:]]


def _fields(pid: int) -> list[str]:
    """What follows the name in proc_pid_stat(5); nothing if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def wait_until(true: Callable[[], _Found], what: str, seconds: float = 20) -> _Found:
    """Wait for what other processes do and answer it; AssertionError if it does not come about."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"waited {seconds} s in vain for {what}"
        time.sleep(_PAUSE)
    return found
