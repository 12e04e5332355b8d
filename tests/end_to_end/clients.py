"""Real package clients that read a repository over and over and count what goes wrong."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import threading
from typing import TYPE_CHECKING

import requests

from master.demo.layout import CODENAME
from tests.workers.repository.clients import ClientFailed, client

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workers.repository.programs import Format

_DATABASE = "var/lib/rpm"
_PAUSE = 0.5  # seconds between two rounds
_INDEX = {"deb": f"dists/{CODENAME}/main/binary-amd64/Packages.gz", "rpm": "repodata/repomd.xml"}
# What the index says once there is something to read, and what is downloaded then.
_FIRST = {
    "deb": {"hello": b"Package: hello\n", "ncompress": b"Package: ncompress\n"},
    "rpm": {"tree": b"<repomd"},
}


class ClientLoop:
    """Updates its lists and downloads a package, again and again, in folders of its own.

    Begins when a package has been published for the first time; before that there is nothing
    to read. ``rpm_root`` is a root whose RPM database says what the packages may depend on.
    """

    def __init__(self, kind: Format, url: str, key: Path, folder: Path, rpm_root: Path) -> None:
        self.url = url
        self.rounds = 0
        self.failures: list[str] = []
        self._kind = kind
        self._client = client(kind, folder, url, key, CODENAME)
        if kind == "rpm":
            shutil.copytree(rpm_root / _DATABASE, folder / "root" / _DATABASE)
            # Debian's rpm looks for it in its user's home otherwise.
            (folder / ".rpmmacros").write_text(f"%_dbpath /{_DATABASE}\n")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"client {url}")

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End after the transaction under way."""
        self._stopped.set()
        self._thread.join(120)

    def _run(self) -> None:
        while (package := self._published()) is None:
            if self._stopped.wait(_PAUSE):
                return
        while not self._stopped.wait(_PAUSE):
            try:
                self._client.update()
                self._client.download(package)
            except (ClientFailed, subprocess.TimeoutExpired) as error:
                self.failures.append(str(error))
            self.rounds += 1

    def _published(self) -> str | None:
        try:
            answer = requests.get(f"{self.url}/{_INDEX[self._kind]}", timeout=10)
        except requests.RequestException:
            return None
        if not answer.ok:
            return None
        text = gzip.decompress(answer.content) if self._kind == "deb" else answer.content
        return next((name for name, said in _FIRST[self._kind].items() if said in text), None)
