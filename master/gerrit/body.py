"""Reading the body of an HTTP answer so that it can be given up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

if TYPE_CHECKING:
    from twisted.python.failure import Failure


def read_body(response: Any) -> Deferred[bytes]:
    """The whole body; cancelling the Deferred closes the connection.

    Twisted's own readBody and treq's content let a connection whose body never ends stay open.
    """
    reader = _Reader()
    response.deliverBody(reader)
    return reader.finished


class _Reader(Protocol):
    def __init__(self) -> None:
        self.finished: Deferred[bytes] = Deferred(self._give_up)
        self._parts: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        self._parts.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        if self.finished.called:
            return
        # Without a length the end of the connection is the end of the body.
        if reason.check(ResponseDone, PotentialDataLoss):
            self.finished.callback(b"".join(self._parts))
        else:
            self.finished.errback(reason)

    def _give_up(self, _finished: Deferred[bytes]) -> None:
        transport: Any = self.transport
        if transport is not None:
            transport.loseConnection()
