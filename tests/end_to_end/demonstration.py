"""A demonstration as a program of its own: started as people start it, and ended as they do."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from master.demo.layout import Layout
from master.demo.ready import Ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

START_SECONDS = 420  # the first time, root images are made
_STOP_SECONDS = 60
_PAUSE = 0.1
_NS_GET_PARENT = 0xB702  # ioctl_ns(2)


class Demonstration:
    """A running ``lockgate demo``; what it prints goes into a file beside its data folder."""

    def __init__(self, data: Path, *options: str) -> None:
        self.layout = Layout(data)
        self.layout.ready.unlink(missing_ok=True)
        data.parent.mkdir(parents=True, exist_ok=True)
        self.log = data.with_suffix(".log")
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [Path(sys.executable).parent / "lockgate", "demo", "--data", data, *options],
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C goes to all of a terminal's foreground processes; these are ours.
                start_new_session=True,
            )

    def wait_until(self, true: Callable[[], bool], what: str, seconds: float) -> None:
        """Wait for something; fails with what was printed when it ends or takes too long."""
        deadline = time.monotonic() + seconds
        while not true():
            assert self.process.poll() is None, f"ended before {what}:\n{self.printed()[-4000:]}"
            assert time.monotonic() < deadline, f"too late: {what}:\n{self.printed()[-4000:]}"
            time.sleep(_PAUSE)

    def wait_until_ready(self) -> Ready:
        """Wait until everything runs."""
        self.wait_until(self.layout.ready.exists, "everything runs", START_SECONDS)
        return Ready.read(self.layout.ready)

    def printed(self) -> str:
        """What it has printed so far."""
        return self.log.read_text(errors="replace")

    @property
    def namespace(self) -> str:
        """The pid namespace of all of its servers."""
        return str(Path(f"/proc/{self.process.pid}/ns/pid_for_children").readlink())

    def end(self, number: signal.Signals) -> int:
        """Send it a signal, Ctrl-C as a terminal does, and answer the status it ends with."""
        if number is signal.SIGINT:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        try:
            return self.process.wait(_STOP_SECONDS)
        finally:
            self.process.kill()


def nothing_is_left(namespace: str, data: Path) -> None:
    """Fails if a process is left in a pid namespace or below it, or a mount of a data folder.

    What else the namespace's processes had mounted was seen by nobody else, and went with them.
    """
    deadline = time.monotonic() + 10  # the kernel ends them after the first one has ended
    while left := processes_in(namespace):
        assert time.monotonic() < deadline, f"still running: {list(left.values())}"
        time.sleep(_PAUSE)
    assert str(data) not in Path("/proc/self/mountinfo").read_text()


def processes_in(namespace: str) -> dict[int, str]:
    """Owner and command line of each process in a pid namespace or in one below it."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if namespace in _namespaces(process):
                words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
                found[int(process.name)] = " ".join((_owner(process), *words))
        except OSError:  # it has ended
            continue
    return found


def _owner(process: Path) -> str:
    try:
        return process.owner()
    except KeyError:  # one of the ids that a sandbox's users are
        return str(process.stat().st_uid)


def _namespaces(process: Path) -> Iterator[str]:
    """The pid namespace of a process, and those around it."""
    descriptor = os.open(process / "ns" / "pid", os.O_RDONLY)
    while True:
        try:
            yield f"pid:[{os.fstat(descriptor).st_ino}]"
            parent = fcntl.ioctl(descriptor, _NS_GET_PARENT)
        except PermissionError:  # ours is the outermost that we may see
            return
        finally:
            os.close(descriptor)
        descriptor = parent
