"""Servers the demonstration runs: started as their own users, watched, and ended together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_STOP_SECONDS = 15
# PR_SET_PDEATHSIG, by which a server dies with us, counts the end of the thread that started it;
# so servers are started by a thread that lives as long as the program.
_LAUNCH_THREAD = ThreadPoolExecutor(1, "launcher")


class DidNotStart(Exception):  # noqa: N818 - what happened
    """A server ended, or did not answer in time; the text shows the end of its log."""


@dataclass
class Server:
    """One running server."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def last_lines(self, count: int = 15) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])


@dataclass
class Servers:
    """Starts servers and stops them in the reverse order; none outlives this process."""

    logs: Path
    running: list[Server] = field(default_factory=list)

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        user: str,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        ready: Callable[[], bool],
        seconds: float = 60,
        own_log: Path | None = None,
    ) -> Server:
        """Start a server as a system user and wait until it answers.

        The server gets no environment but PATH, HOME and what is given. ``own_log`` names its
        log if it writes one itself. Raises :class:`DidNotStart` when it ends or is not ready in
        time.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{name}.log"
        with log.open("wb") as output:
            process = launch(
                as_user(user, command),
                cwd=cwd,
                env=environment(cwd, env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        server = Server(name, process, own_log or log)
        self.running.append(server)
        wait_until(ready, seconds, lambda: self._explain(server))
        return server

    def stop(self) -> None:
        """End all servers: a request first, force for those that do not follow it."""
        for server in reversed(self.running):
            if server.process.poll() is None:
                _signal(server.process, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        for server in reversed(self.running):
            try:
                server.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(server.process, signal.SIGKILL)
                server.process.wait()
        self.running.clear()

    def _explain(self, server: Server) -> str | None:
        """Why waiting for a server is useless, if it is."""
        status = server.process.poll()
        if status is None:
            return None
        return f"{server.name} ended with status {status}:\n{server.last_lines()}"


def launch(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a process that dies with this one (see :func:`as_user`), from whichever thread."""
    return _LAUNCH_THREAD.submit(lambda: subprocess.Popen(command, **options)).result()


def as_user(user: str, command: Sequence[str | Path]) -> list[str]:
    """A command line that runs a command as another user and dies with its parent."""
    return [
        *("setpriv", "--reuid", user, "--regid", user, "--init-groups", "--pdeathsig", "KILL"),
        *("--", *(str(word) for word in command)),
    ]


def environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """A clean environment whose PATH begins with the programs installed beside this one."""
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        **(extra or {}),
    }


def wait_until(
    ready: Callable[[], bool], seconds: float, hopeless: Callable[[], str | None] = lambda: None
) -> None:
    """Ask until the answer is yes; raises :class:`DidNotStart` when it will not be."""
    deadline = time.monotonic() + seconds
    while not ready():
        if reason := hopeless():
            raise DidNotStart(reason)
        if time.monotonic() > deadline:
            raise DidNotStart(f"no answer within {seconds:.0f} s")
        time.sleep(0.1)


def answers(port: int) -> bool:
    """Whether something listens on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def free_ports(count: int) -> Iterator[list[int]]:
    """Loopback ports nobody listens on, all held until the end of the block."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for holder in sockets:
            holder.bind(("127.0.0.1", 0))
        yield [holder.getsockname()[1] for holder in sockets]
    finally:
        for holder in sockets:
            holder.close()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        process.poll()
