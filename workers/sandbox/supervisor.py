"""The connection to a sandbox's supervisor: starting it, requests and answers."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers.outcome import InfrastructureFault
from workers.sandbox import inside
from workers.sandbox.ids import ID_COUNT, first_subordinate_id

if TYPE_CHECKING:
    from collections.abc import Mapping

_STARTING_SECONDS = 30.0
_ENDING_SECONDS = 10.0
_KEEPER = (
    "import sys; sys.path.insert(0, sys.argv[1]); from workers.sandbox import inside; inside.main()"
)


class Supervisor:
    """Started when made; :meth:`end` must be called."""

    def __init__(self, setup: Mapping[str, Any]) -> None:
        """Start keeper and supervisor; ``setup`` is what :mod:`workers.sandbox.inside` reads."""
        users, groups = first_subordinate_id("subuid"), first_subordinate_id("subgid")
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _KEEPER, str(Path(__file__).parents[2])],
                stdin=other.fileno(),
                stdout=subprocess.DEVNULL,
                env={},
                start_new_session=True,
            )
        try:
            self._socket.settimeout(_STARTING_SECONDS)
            self.send(setup)
            self.receive()
            _map("newuidmap", self._keeper.pid, users)
            _map("newgidmap", self._keeper.pid, groups)
            self.send({"maps": "made"})
            self.receive()
        except BaseException:
            self.end()
            raise

    def fileno(self) -> int:
        """Let a selector wait for the next answer."""
        return self._socket.fileno()

    def send(self, request: Mapping[str, Any], fds: tuple[int, ...] = ()) -> None:
        """Send one request."""
        try:
            inside.send(self._socket, dict(request), fds)
        except OSError as error:
            raise InfrastructureFault(f"the sandbox cannot be asked: {error}") from error

    def receive(self, seconds: float = _STARTING_SECONDS) -> tuple[dict[str, Any], list[int]]:
        """Wait for one answer; an answer that says an error is an InfrastructureFault."""
        self._socket.settimeout(seconds)
        try:
            answer, fds = inside.receive(self._socket)
        except OSError as error:
            raise InfrastructureFault(f"the sandbox does not answer: {error}") from error
        if "error" in answer:
            raise InfrastructureFault(answer["error"])
        return answer, fds

    def end(self) -> None:
        """End every process of the sandbox; with the last one its mounts are gone."""
        self._socket.close()
        try:
            self._keeper.wait(_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._keeper.wait(_ENDING_SECONDS)


def _map(program: str, pid: int, first: int) -> None:
    made = subprocess.run(
        [program, str(pid), "0", str(first), str(ID_COUNT)],
        check=False,
        capture_output=True,
        text=True,
    )
    if made.returncode != 0:
        raise InfrastructureFault(f"{program} failed: {made.stderr.strip()}")
