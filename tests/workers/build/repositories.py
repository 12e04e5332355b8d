"""Tiny repositories of build dependencies, served from this machine."""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.workers.repository.programs import end_agent
from workers.repository.test import publish_test_repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workers.repository.formats import Format


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's own name
        del format, args


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder over HTTP on a free port of the loopback interface."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=folder)) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()


def repository(
    package_format: Format, root: Path, out: Path, packages: list[dict[str, Any]], home: Path
) -> str:
    """Make a test repository of packages that a build left in ``out``; answer what it is, in JSON.

    ``root`` is the folder that is served, ``home`` the GnuPG home of the repository's key.
    """
    chosen = home.parent / "chosen"
    chosen.mkdir(parents=True)
    for package in packages:
        shutil.copyfile(out / package["file"], chosen / package["file"])
    made = publish_test_repository(package_format, "needed", root, chosen, "bookworm", home)
    end_agent(home)
    return json.dumps(made)
