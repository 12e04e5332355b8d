"""Answers of Buildbot's REST interface reach the client whole.

Buildbot 4.2 and 4.3 write an answer to its connection from a thread of their own
(``buildbot.www.rest.V2RootResource``), which Twisted's transports do not allow: now and then the
end of an answer stays in a buffer and the client, a browser or a program, waits for ever. Encoding
may stay in that thread; writing belongs to the reactor. To be dropped with a Buildbot that does so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.www import rest
from twisted.internet import reactor as installed_reactor

if TYPE_CHECKING:
    import json


def write_from_the_reactor() -> None:
    """Make Buildbot write its answers where it may."""
    rest.V2RootResource._write_json_data = staticmethod(_write_json_data)


def _write_json_data(request: Any, encoder: json.JSONEncoder, data: Any) -> None:
    """Encode in this thread, which is not the reactor's, and leave writing to the reactor.

    Buildbot ends the request when this thread's result arrives in the reactor, which is after what
    was queued there before.
    """
    content = encoder.encode(data).encode()
    reactor: Any = installed_reactor
    reactor.callFromThread(_send, request, content)


def _send(request: Any, content: bytes) -> None:
    if request.finished or getattr(request, "_disconnected", False):
        return
    request.setHeader(b"content-length", str(len(content)).encode())
    if request.method != b"HEAD":
        request.write(content)
