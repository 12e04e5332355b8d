"""Real package clients that read a repository over and over and count what goes wrong."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import threading
from typing import TYPE_CHECKING

import requests

from master.demo.layout import CODENAME

if TYPE_CHECKING:
    from pathlib import Path

_PACKAGE = {"deb": "hello", "rpm": "tree"}
_INDEX = {"deb": f"dists/{CODENAME}/main/binary-amd64/Packages.gz", "rpm": "repodata/repomd.xml"}
# What the index holds once there is something to read.
_FIRST = {"deb": b"Package: hello\n", "rpm": b"<repomd"}


class ClientLoop:
    """Updates its lists and downloads a package, again and again, in folders of its own.

    Begins when the package has been published for the first time; before that there is nothing
    to read.
    """

    def __init__(self, kind: str, url: str, key: Path, folder: Path) -> None:
        self.kind, self.url, self.key, self.folder = kind, url, key, folder
        self.done = 0
        self.failures: list[str] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"client {url}")

    def start(self) -> None:
        """Begin to look."""
        self.folder.mkdir(parents=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the transaction under way."""
        self._stopped.set()
        self._thread.join(120)

    def _run(self) -> None:
        commands = self._apt() if self.kind == "deb" else self._dnf()
        while not self._published():
            if self._stopped.wait(0.2):
                return
        while not self._stopped.wait(0.5):
            shutil.rmtree(self.folder / "cache", ignore_errors=True)
            (self.folder / "cache").mkdir()
            for command in commands:
                result = subprocess.run(
                    command,
                    cwd=self.folder / "cache",
                    capture_output=True,
                    text=True,
                    timeout=120,
                    check=False,
                )
                if result.returncode != 0:
                    self.failures.append(f"{' '.join(command)}\n{result.stdout}{result.stderr}")
                    break
            self.done += 1

    def _published(self) -> bool:
        try:
            answer = requests.get(f"{self.url}/{_INDEX[self.kind]}", timeout=10)
        except requests.RequestException:
            return False
        if not answer.ok:
            return False
        text = gzip.decompress(answer.content) if self.kind == "deb" else answer.content
        return _FIRST[self.kind] in text

    def _apt(self) -> list[list[str]]:
        (self.folder / "lists" / "partial").mkdir(parents=True)
        (self.folder / "status").touch()
        source = self.folder / "sources.list"
        source.write_text(f"deb [signed-by={self.key}] {self.url} {CODENAME} main\n")
        options = {
            "Dir::Etc::sourcelist": source,
            "Dir::Etc::sourceparts": "-",
            "Dir::State::lists": self.folder / "lists",
            "Dir::State::status": self.folder / "status",
            "Dir::Cache": self.folder / "cache",
            "Acquire::Check-Valid-Until": "true",
            "Acquire::Check-Date": "true",
            "Acquire::Retries": "0",
            "APT::Update::Error-Mode": "any",
            "APT::Sandbox::User": "root",
        }
        apt = ["apt-get", "-qq"]
        for key, value in options.items():
            apt += ["-o", f"{key}={value}"]
        return [[*apt, "update"], [*apt, "download", _PACKAGE["deb"]]]

    def _dnf(self) -> list[list[str]]:
        (self.folder / "repos").mkdir()
        (self.folder / "repos" / "lockgate.repo").write_text(
            f"[lockgate]\nname=lockgate\nbaseurl={self.url}\nenabled=1\ngpgcheck=1\n"
            f"gpgkey=file://{self.key}\nretries=1\n"
        )
        options = {
            "reposdir": self.folder / "repos",
            "cachedir": self.folder / "cache",
            "persistdir": self.folder / "persist",
            "logdir": self.folder,
            "pluginpath": self.folder,
        }
        dnf = ["dnf", "-q", "--refresh", f"--installroot={self.folder / 'root'}", "--releasever=1"]
        dnf += [f"--setopt={key}={value}" for key, value in options.items()]
        return [[*dnf, "repoquery", "--list", _PACKAGE["rpm"]]]
