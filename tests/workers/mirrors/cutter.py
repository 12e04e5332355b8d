"""A way to a mirror on which connections break."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

_CHUNK = 512
_MOST_BYTES = 8000  # about what a session has that brings one package
_CUT = 0.6  # of all connections


class Cutter(ThreadingTCPServer):
    """Forwards connections to a port; breaks many of them after a random number of bytes."""

    daemon_threads = True

    def __init__(self, to: int, seed: str, most_bytes: int = _MOST_BYTES) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.to = to
        self.most_bytes = most_bytes
        self.cuts = 0
        self.tired = False
        """Whether it has stopped breaking connections."""
        self._lock = Lock()
        self._random = random.Random(seed)  # noqa: S311 - nobody has to be surprised

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.socket.getsockname()[1])

    def limit(self) -> int | None:
        """After how many bytes the next connection breaks; None: never."""
        with self._lock:
            if self.tired or self._random.random() > _CUT:
                return None
            return self._random.randrange(self.most_bytes)

    def count(self) -> None:
        """A connection was broken."""
        with self._lock:
            self.cuts += 1

    def __enter__(self) -> Cutter:
        self._thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Connection(BaseRequestHandler):
    server: Cutter

    def handle(self) -> None:
        limit = self.server.limit()
        self._left = limit
        with socket.create_connection(("127.0.0.1", self.server.to), timeout=60) as there:
            self.request.settimeout(60)
            back = Thread(target=self._forward, args=(there, self.request), daemon=True)
            back.start()
            self._forward(self.request, there)
            back.join(60)
        if self._left is not None and self._left <= 0:
            self.server.count()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                if self._left is not None:
                    data = data[: max(self._left, 0)]
                    self._left -= len(data)
                target.sendall(data)
                if self._left is not None and self._left <= 0:
                    break
        for each in (source, target):
            with suppress(OSError):
                # What came last arrives; nothing follows in either direction if this was a cut.
                cut = self._left is not None and self._left <= 0
                each.shutdown(socket.SHUT_RDWR if cut or each is target else socket.SHUT_RD)
