"""What the file server shows, and what it does not."""

from __future__ import annotations

import gzip
import http.client
import socket
import subprocess
import sys
from contextlib import contextmanager
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest
import requests

from master.demo.processes import free_ports
from tests.workers.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SECONDS = 15
_NEVER_CHANGES = "public, max-age=31536000, immutable"


@contextmanager
def _server(root: Path) -> Iterator[str]:
    with free_ports(1) as (port,):
        pass
    process = _start(root, port)
    try:
        wait_until(lambda: _answers(port), "the server")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(_SECONDS)


def _start(root: Path, port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "workers.cli", "serve", "--root", root, "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _put(root: Path, name: str, content: bytes = b"content") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("serving")
    _put(top, "secret")
    return top / "root"


@pytest.fixture(scope="module")
def url(root: Path) -> Iterator[str]:
    for name in (
        *("dists/x/InRelease", "repodata/repomd.xml", "dists/x/main/by-hash/SHA256/ab"),
        *("pool/main/h/h_1.deb", "Packages/h/h.rpm", "page.html", "build.log", ".hidden/file"),
        *("folder/.partial-1", "real/file"),
        *("artifacts/0123/hello.deb", "artifacts/builds/0123.json"),
        "dists/x/snapshots/20260102T030405.000006Z/InRelease",
        *("release/pool/dists/x/InRelease", "release/test/repodata/repomd.xml"),
    ):
        _put(root, name)
    _put(root, "Packages.gz", gzip.compress(b"text"))
    (root / "within").symlink_to("real")
    (root / "outside").symlink_to("../secret")
    (root / "absolute").symlink_to("/etc/passwd")
    (root / "to-hidden").symlink_to(".hidden/file")
    with _server(root) as address:
        yield address


@pytest.mark.parametrize(
    "path", [".hidden/file", "folder/.partial-1", "outside", "absolute", "to-hidden", "nothing"]
)
def test_what_is_hidden_or_elsewhere_is_not_there(url: str, path: str) -> None:
    assert requests.get(f"{url}/{path}", timeout=_SECONDS).status_code == 404


@pytest.mark.parametrize("path", ["/../secret", "/%2e%2e/secret", "/real/..%2f..%2fsecret"])
def test_no_path_leads_out(url: str, path: str) -> None:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=_SECONDS)
    connection.request("GET", path)  # unlike other clients, sent as it is
    assert connection.getresponse().status == 404


def test_a_link_within_is_followed(url: str) -> None:
    assert requests.get(f"{url}/within/file", timeout=_SECONDS).content == b"content"


@pytest.mark.parametrize(
    ("path", "caching"),
    [
        ("dists/x/InRelease", "no-cache"),
        ("repodata/repomd.xml", "no-cache"),
        ("dists/x/main/by-hash/SHA256/ab", _NEVER_CHANGES),
        ("pool/main/h/h_1.deb", _NEVER_CHANGES),
        ("Packages/h/h.rpm", _NEVER_CHANGES),
        ("dists/x/snapshots/20260102T030405.000006Z/InRelease", _NEVER_CHANGES),
        ("artifacts/0123/hello.deb", _NEVER_CHANGES),
        ("release/pool/dists/x/InRelease", "no-cache"),
        ("release/test/repodata/repomd.xml", "no-cache"),
        ("artifacts/builds/0123.json", "no-cache"),
    ],
)
def test_caches_are_told_what_never_changes(url: str, path: str, caching: str) -> None:
    assert requests.head(f"{url}/{path}", timeout=_SECONDS).headers["cache-control"] == caching


@pytest.mark.parametrize(
    ("path", "kind"),
    [("page.html", "application/octet-stream"), ("build.log", "text/plain; charset=utf-8")],
)
def test_a_browser_runs_nothing_of_it(url: str, path: str, kind: str) -> None:
    headers = requests.get(f"{url}/{path}", timeout=_SECONDS).headers
    assert headers["content-type"] == kind
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]


def test_a_compressed_index_is_handed_out_compressed(url: str) -> None:
    answer = requests.get(f"{url}/Packages.gz", timeout=_SECONDS)
    assert "content-encoding" not in answer.headers
    assert gzip.decompress(answer.content) == b"text"


def test_a_part_of_a_file_can_be_asked_for(url: str) -> None:
    answer = requests.get(f"{url}/build.log", headers={"Range": "bytes=3-"}, timeout=_SECONDS)
    assert (answer.status_code, answer.content) == (206, b"tent")


@pytest.mark.parametrize(("seconds_since", "status"), [(0, 206), (-1, 200), (1, 200)])
def test_who_has_the_rest_of_another_version_gets_the_whole(
    url: str, root: Path, seconds_since: int, status: int
) -> None:
    written = (root / "build.log").stat().st_mtime
    wanted = {
        "Range": "bytes=3-",
        "If-Range": formatdate(int(written) + seconds_since, usegmt=True),
    }
    answer = requests.get(f"{url}/build.log", headers=wanted, timeout=_SECONDS)
    assert answer.status_code == status
    assert answer.content == (b"tent" if status == 206 else b"content")


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = _start(tmp_path, taken.getsockname()[1])
        _, said = process.communicate(timeout=_SECONDS)
    assert "cannot listen on 127.0.0.1" in said
    assert process.returncode != 0
