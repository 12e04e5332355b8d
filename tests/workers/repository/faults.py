"""Faults at an exact moment: any of a program's system calls that write kills it, or fails.

Programs run in processes forked from one that has loaded them already, and strace(1) makes the
fault (``--inject``).
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tests.workers.processes import wait_until
from workers.cli import main
from workers.outcome import read_answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Fault = Literal["signal=KILL", "error=ENOSPC"]
Moment = tuple[str, int]
"""The name of a system call, and its how-manieth it is."""

_CHANGING = (
    *("write", "pwrite64", "rename", "renameat", "renameat2", "link", "linkat", "symlink"),
    *("symlinkat", "mkdir", "mkdirat", "fsync", "syncfs", "copy_file_range", "sendfile"),
)
# Those that need no room on a disk can be killed, but do not fail for the want of it.
_CALLS: dict[Fault, tuple[str, ...]] = {
    "signal=KILL": (
        *_CHANGING,
        *("unlink", "unlinkat", "rmdir", "chmod", "fchmodat", "utimensat", "ftruncate"),
    ),
    "error=ENOSPC": _CHANGING,
}
_SECONDS = 60
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["workers.cli", "workers.repository.cli"])


@dataclass(frozen=True)
class End:
    """How a program ended under a fault."""

    status: int
    """Negative: the signal that killed it."""
    calls: list[str]
    """The system calls that it made and that write, as strace writes them."""
    call: str | None
    """The one where the fault was; None if it never came."""
    answer: dict[str, Any]

    @property
    def only_its_answer(self) -> bool:
        """Whether what failed was nothing but telling how it went."""
        return self.call is not None and re.match(r"write\([12],", self.call) is not None


def moments_of(end: End) -> list[Moment]:
    """When each call of a run was made."""
    seen: Counter[str] = Counter()
    found = []
    for line in end.calls:
        name = line.partition("(")[0]
        seen[name] += 1
        found.append((name, seen[name]))
    return found


def run_traced(
    arguments: Sequence[str | Path], fault: Fault, at: Moment | None, folder: Path
) -> End:
    """Run ``lockgate-worker``, and let the system call at a moment go wrong, if one is given."""
    log, output = folder / "strace.log", folder / "output"
    options = ["-e", f"trace={','.join(_CALLS[fault])}"]
    if at is not None:
        name, number = at
        # strace counts the calls of each name apart.
        options += ["-e", f"inject={name}:{fault}:when={number}"]
    process = _FORKS.Process(target=_run, args=([str(word) for word in arguments], str(output)))
    process.start()
    assert process.pid is not None
    try:
        wait_until(lambda: _state(process.pid) == "T", "the program to be stopped", _SECONDS)
        with _traced(process.pid, options, log):
            os.kill(process.pid, signal.SIGCONT)
            process.join(_SECONDS)
            assert process.exitcode is not None, f"still running after {_SECONDS} s"
    finally:
        process.kill()
        process.join()
    calls = [line for line in log.read_text().splitlines() if re.match(r"\w+\(", line)]
    faulty = calls[-1] if process.exitcode < 0 else None
    faulty = next((call for call in calls if call.endswith("(INJECTED)")), faulty)
    return End(process.exitcode, calls, faulty, read_answer(output.read_text()) or {})


@contextmanager
def _traced(pid: int, options: Sequence[str], log: Path) -> Iterator[None]:
    strace = subprocess.Popen(
        ["strace", "-o", log, *options, "-p", str(pid)], stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: _tracer(pid) != "0", "strace", _SECONDS)
        yield
        strace.wait(_SECONDS)
    finally:
        strace.kill()
        strace.wait()


def _run(arguments: list[str], output: str) -> None:
    """In the forked process: wait to be traced, then be the program."""
    for standard, path in ((1, output), (2, f"{output}.said")):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), standard)
    # As at a program's start.
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    os.kill(os.getpid(), signal.SIGSTOP)
    main(arguments)


def _state(pid: int | None) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _tracer(pid: int) -> str:
    found = re.search(r"^TracerPid:\s+(\d+)$", Path(f"/proc/{pid}/status").read_text(), re.M)
    assert found is not None
    return found[1]
