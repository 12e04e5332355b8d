"""Twisted's reactor for tests: one thread runs it, tests wait for what it does."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import blockingCallFromThread

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

T = TypeVar("T")
# The type Twisted gives it lacks most of its methods.
reactor: Any = _reactor


class Reactor:
    """The running reactor, seen from a test's thread."""

    def wait(self, coroutine: Coroutine[Any, Any, T], seconds: float = 60) -> T:
        """Run a coroutine on the reactor and answer its result; bounded."""

        def start() -> Any:
            return Deferred.fromCoroutine(coroutine).addTimeout(seconds, reactor)

        result: T = blockingCallFromThread(reactor, start)
        return result

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a plain function on the reactor's thread."""
        return blockingCallFromThread(reactor, function, *arguments)


@pytest.fixture(scope="session")
def in_reactor() -> Iterator[Reactor]:
    """Twisted's reactor, running in a thread of its own until the last test."""
    thread = threading.Thread(target=reactor.run, args=(False,), name="reactor", daemon=True)
    thread.start()
    yield Reactor()
    reactor.callFromThread(reactor.stop)
    thread.join(30)
