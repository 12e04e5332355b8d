"""Tiny repositories of build dependencies, served from this machine."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import shutil
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


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


def deb_repository(folder: Path, out: Path, package: dict[str, Any]) -> None:
    """Make a flat APT repository of one package that a build left in ``out``."""
    file = folder / package["file"]
    shutil.copyfile(out / package["file"], file)
    (folder / "Packages").write_text(
        f"Package: {package['name']}\nVersion: {package['version']}\n"
        f"Architecture: {package['architecture']}\nFilename: ./{file.name}\n"
        f"Size: {file.stat().st_size}\n"
        f"SHA256: {hashlib.sha256(file.read_bytes()).hexdigest()}\n"
    )


def rpm_repository(folder: Path, out: Path, package: dict[str, Any]) -> None:
    """Make an RPM repository of one package that a build left in ``out``."""
    shutil.copyfile(out / package["file"], folder / package["file"])
    program = Path(sys.executable).with_name("createrepo_c")
    subprocess.run([program, "--quiet", folder], check=True)
