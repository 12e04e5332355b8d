"""What web servers in front of mirrors answer, and what is made of it."""

from __future__ import annotations

from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from workers.files import sha256_of
from workers.mirrors import served
from workers.mirrors.rsync import NotYet
from workers.mirrors.served import Served, sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CONTENT = bytes(range(256)) * 8


class _Plain(BaseHTTPRequestHandler):
    """Knows no parts, and does not say how much it sends."""

    content = _CONTENT
    headers_more: tuple[tuple[str, str], ...] = ()
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        for header in self.headers_more:
            self.send_header(*header)
        self.end_headers()
        self.send_content()

    def send_content(self) -> None:
        self.wfile.write(self.content)

    def log_message(self, *words: Any) -> None:
        """Say nothing."""


class _Endless(_Plain):
    """Sends, and does not end."""

    def send_content(self) -> None:
        try:
            while True:
                self.wfile.write(bytes(1 << 16))
        except ConnectionError:
            return


class _Knowing(_Plain):
    """Says how much it sends."""

    headers_more = (("Content-Length", str(len(_CONTENT))),)


class _Longer(_Plain):
    """Has more than it should."""

    content = _CONTENT + b"more"
    headers_more = (("Content-Length", str(len(_CONTENT) + 4)),)


class _Another(_Plain):
    """Has other content of that size."""

    content = _CONTENT[::-1]


class _Part(_Plain):
    """Knows parts."""

    status = 206
    content = _CONTENT[-512:]
    headers_more = (("Content-Range", f"bytes 1536-2047/{len(_CONTENT)}"),)


class _PartOfMore(_Part):
    """Has that part, and more behind it."""

    headers_more = (("Content-Range", "bytes 1536-2047/4096"),)


class _PartOfAnother(_Part):
    """Has other bytes there."""

    content = _CONTENT[-513:-1]


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[Served]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield Served.at(f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The file that is to be served."""
    path = tmp_path / "package"
    path.write_bytes(_CONTENT)
    return path


@pytest.mark.parametrize("handler", [_Plain, _Knowing, _Part])
def test_a_file_is_there_however_much_the_server_says_of_it(
    handler: type[_Plain], own: Path
) -> None:
    with _serving(handler) as mirror:
        mirror.must_have({"package": own})
        assert mirror.read <= 513  # of a file of any size


@pytest.mark.parametrize("handler", [_Longer, _Another, _PartOfMore, _PartOfAnother])
def test_another_file_is_told_from_it(handler: type[_Plain], own: Path) -> None:
    with _serving(handler) as mirror, pytest.raises(NotYet, match="is not there in full"):
        mirror.must_have({"package": own})


def test_an_empty_file_has_no_part(own: Path) -> None:
    own.write_bytes(b"")
    with _serving(type("_Empty", (_Plain,), {"content": b""})) as mirror:
        mirror.must_have({"package": own})


def test_what_does_not_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "_MOST_BYTES", 1 << 18)
    with _serving(_Endless) as mirror:
        with pytest.raises(NotYet, match="is no commit point"):
            mirror.digest("repodata/repomd.xml")
        with pytest.raises(NotYet, match="does not serve what was sent"):
            mirror.must_serve({"repodata/repomd.xml": _CONTENT})


def test_what_is_served_just_so(own: Path) -> None:
    with _serving(_Plain) as mirror:
        mirror.must_serve({"InRelease": _CONTENT})
        assert mirror.digest("InRelease") == sha256_of(_CONTENT)
        with pytest.raises(NotYet, match="does not serve what was sent"):
            mirror.must_serve({"InRelease": _CONTENT[:-1]})


@pytest.mark.parametrize("status", [403, 404, 410])
def test_what_is_not_there(status: int) -> None:
    with _serving(type("_Missing", (_Plain,), {"status": status})) as mirror:
        assert mirror.digest("InRelease") is None


def test_a_server_in_trouble_does_not_say_that_nothing_is_there() -> None:
    with (
        _serving(type("_Failing", (_Plain,), {"status": 503})) as mirror,
        pytest.raises(NotYet, match=r"cannot be read \(status 503\)"),
    ):
        mirror.digest("InRelease")


def test_files_of_every_kind_are_looked_at() -> None:
    packages = [f"pool/main/h/hello/hello_{number}_amd64.deb" for number in range(1000)]
    others = [
        "pool/main/h/hello/hello_1.orig.tar.gz",
        "pool/main/h/hello/hello_1-1.debian.tar.xz",
        "pool/main/h/hello/hello_1-1.dsc",
        "provenance/pool/main/h/hello/hello_1_amd64.deb.json",
        "generations/20260102T030405.000000Z.json",
        f"dists/trixie/main/binary-amd64/by-hash/SHA256/{'0' * 64}",
    ]
    chosen = sample([*packages, *others])
    assert set(others) <= set(chosen)
    assert 0 < len(set(packages) & set(chosen)) <= 50
