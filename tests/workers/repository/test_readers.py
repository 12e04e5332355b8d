"""Clients that read all the time while generations come: none ever fails."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.workers.repository.clients import Client
    from tests.workers.repository.programs import Packages, ReleaseRepository
    from tests.workers.repository.web import Served

_PUBLISHES = 10
_ROUNDS_AT_LEAST = 5
_SECONDS = 120


def test_clients_never_fail_while_generations_come(
    served: Served, release: ReleaseRepository, reader: Client, packages: Packages
) -> None:
    folders = packages.series(release.package_format, [f"1.{n}" for n in range(1 + _PUBLISHES)])
    release.publish(folders[0])
    known = {file.read_bytes() for folder in folders for file in folder.iterdir()}
    done = Event()
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(_read, reader, done, known)
        try:
            for folder in folders[1:]:
                release.publish(folder)
        finally:
            done.set()
        assert reading.result(_SECONDS) >= _ROUNDS_AT_LEAST
    late = served.client(release.package_format, "release", release.root / "key.asc")
    late.update()
    assert late.versions("demo") == {f"1.{_PUBLISHES}", f"1.{_PUBLISHES - 1}"}


def _read(reader: Client, done: Event, known: set[bytes]) -> int:
    """Read until told to stop, at least once more; return how often."""
    rounds = 0
    while not done.is_set():
        reader.update()
        assert reader.download("demo") in known
        rounds += 1
    return rounds
