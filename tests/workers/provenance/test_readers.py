"""A repository behind an address is read with care: for what it sends, and for who serves it."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from workers.outcome import BadRequest, InfrastructureFault
from workers.provenance.readers import Address, Folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.workers.provenance.conftest import Audited
    from tests.workers.repository.web import Served


class _Refuses(BaseHTTPRequestHandler):
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_error(int(Path(self.path).name))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        pass


@contextmanager
def _refusing() -> Iterator[tuple[str, type[_Refuses]]]:
    handler = type("_Handler", (_Refuses,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", handler
        finally:
            server.shutdown()
            thread.join(10)


@pytest.mark.parametrize(("status", "times"), [("401", 1), ("503", 4)])
def test_only_what_may_pass_is_tried_again(
    status: str, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Address._fetch.retry, "sleep", lambda _seconds: None)
    with _refusing() as (url, handler):
        with pytest.raises(InfrastructureFault), Address(url).file(status, 100):
            pass
        assert handler.asked == times


def test_no_more_is_fetched_than_is_wanted(served: Served) -> None:
    with (served.folder / "endless").open("wb") as file:
        file.truncate(1 << 40)
    with Address(served.url).file("endless", 1000) as local:
        assert local is not None
        assert 1000 < local.stat().st_size < 1 << 24


def test_each_package_and_index_is_fetched_once(
    audited: Audited, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: Counter[str] = Counter()
    fetch = Address._fetch

    def counted(address: Address, url: str, copy: Path, limit: int) -> bool:
        fetched[url] += 1
        return fetch(address, url, copy, limit)

    monkeypatch.setattr(Address, "_fetch", counted)
    assert audited.findings(*audited.by_address, where=f"{served.url}/release") == []
    more = {url.rpartition("/")[2] for url, count in fetched.items() if count > 1}
    assert more <= {"InRelease", "repomd.xml", "index.json"}
    assert sum(url.endswith(f".{audited.release.package_format}") for url in fetched) == 2


@pytest.mark.parametrize("path", ["../x", "/x", "", "a\nb", "a/" * 3000, "a" * 300, "a/../../b"])
def test_paths_that_lead_elsewhere_are_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(BadRequest), Folder(tmp_path).file(path, 1):
        pass
