"""A client that reads a mirror all the while."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.workers.repository.clients import Client

_SECONDS = 120


@contextmanager
def reading(reader: Client, known: set[bytes]) -> Iterator[list[bytes]]:
    """Read until the end of the block, and once more: it never fails, and gets what is known.

    Gives what was got so far.
    """
    done = Event()
    got: list[bytes] = []

    def read() -> None:
        last = False
        while not last:
            last = done.is_set()
            reader.update()
            got.append(reader.download("demo"))
            assert got[-1] in known

    with ThreadPoolExecutor(1) as threads:
        under_way = threads.submit(read)
        try:
            yield got
        finally:
            done.set()
        under_way.result(_SECONDS)
