"""The package managers that read the repositories: apt and dnf, with all of their state apart."""

from __future__ import annotations

import os
import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.workers.repository.programs import CODENAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.workers.repository.programs import Format

_SECONDS = 60


class ClientFailed(Exception):  # noqa: N818 - what happened
    """A client could not do what it was asked; the text is what it said."""


@dataclass(frozen=True)
class Client(ABC):
    """A package manager that knows one repository; ``key`` is the key it trusts, if any."""

    state: Path
    url: str
    key: Path | None
    suite: str = CODENAME

    @abstractmethod
    def update(self) -> None:
        """Read the repository's metadata anew."""

    @abstractmethod
    def versions(self, name: str) -> set[str]:
        """Upstream versions of a package that the metadata lists."""

    @abstractmethod
    def download(self, name: str) -> bytes:
        """Fetch the highest version of a package, with every check of it made."""


class Apt(Client):
    """apt-get(8), with an own status, own lists and own sources; see apt.conf(5)."""

    def update(self) -> None:
        # A list that cannot be fetched is but a warning otherwise.
        self._run("apt-get", "--option", "APT::Update::Error-Mode=any", "update")

    def versions(self, name: str) -> set[str]:
        lines = self._run("apt-cache", "madison", name).splitlines()
        return {line.split("|")[1].strip().rpartition("-")[0] for line in lines}

    def download(self, name: str) -> bytes:
        folder = self.state / "downloads"
        folder.mkdir(exist_ok=True)
        self._run("apt-get", "download", name, folder=folder)
        (file,) = folder.iterdir()
        content = file.read_bytes()
        file.unlink()
        return content

    def _run(self, *command: str, folder: Path | None = None) -> str:
        configuration = self.state / "apt.conf"
        if not configuration.exists():
            self._configure(configuration)
        return _run(command, folder or self.state, {"APT_CONFIG": str(configuration)})

    def _configure(self, configuration: Path) -> None:
        for name in ("etc", "state/lists/partial", "cache/archives/partial"):
            (self.state / name).mkdir(parents=True)
        (self.state / "state/status").touch()
        trusted = "trusted=yes" if self.key is None else f"signed-by={self.key}"
        source = f"deb [{trusted} arch=amd64] {self.url} {self.suite} main\n"
        (self.state / "etc/sources.list").write_text(source)
        configuration.write_text(
            f'Dir::Etc "{self.state}/etc";\nDir::State "{self.state}/state";\n'
            f'Dir::State::status "{self.state}/state/status";\nDir::Cache "{self.state}/cache";\n'
            'APT::Architecture "amd64";\nAPT::Architectures { "amd64"; };\n'
            'APT::Sandbox::User "root";\nAcquire::Languages "none";\n'
            'Acquire::Check-Valid-Until "true";\nAcquire::Check-Date "true";\n'
            'Acquire::Retries "0";\n'
            'Acquire::http::Proxy "DIRECT";\n'
        )


class Dnf(Client):
    """dnf(8), with an own root, own cache and own configuration; see dnf.conf(5)."""

    def update(self) -> None:
        self._run("makecache", "--refresh")

    def versions(self, name: str) -> set[str]:
        return set(self._run("repoquery", "--cacheonly", "--qf", "%{version}", name).split())

    def download(self, name: str) -> bytes:
        self._run("install", "--assumeyes", "--downloadonly", name)
        (file,) = (self.state / "root").rglob(f"{name}-*.rpm")
        content = file.read_bytes()
        file.unlink()
        return content

    def install(self, name: str) -> None:
        """Install a package in the client's root."""
        self._run("install", "--assumeyes", name)

    def download_source(self, name: str) -> bytes:
        """Fetch the source of a package by dnf-download(8)."""
        folder = self.state / "sources"
        where = ("--source", "--destdir", str(folder))
        self._run("--setopt=plugins=1", "download", *where, name)
        (file,) = folder.iterdir()
        return file.read_bytes()

    def _run(self, *command: str) -> str:
        configuration = self.state / "dnf.conf"
        if not configuration.exists():
            self._configure(configuration)
        always = ("--quiet", "--config", str(configuration), "--releasever", "1")
        # The agent that it starts to read keys would stay.
        alone = ("unshare", "--pid", "--fork", "--kill-child")
        return _run((*alone, "dnf", *always, *command), self.state, {})

    def _configure(self, configuration: Path) -> None:
        (self.state / "root").mkdir(parents=True, exist_ok=True)
        folders = ("reposdir", "cachedir", "varsdir", "logdir", "persistdir")
        key = "gpgcheck=0" if self.key is None else f"gpgcheck=1\ngpgkey=file://{self.key}"
        configuration.write_text(
            f"[main]\ninstallroot={self.state}/root\nplugins=0\nproxy=\nretries=1\n"
            + "".join(f"{name}={self.state}/{name}\n" for name in folders)
            + f"[tested]\nname=tested\nbaseurl={self.url}\n{key}\n"
        )


def client(package_format: Format, state: Path, url: str, key: Path | None, suite: str) -> Client:
    """The package manager of a format."""
    state.mkdir(parents=True)
    return (Apt if package_format == "deb" else Dnf)(state, url, key, suite)


def _run(command: tuple[str, ...], folder: Path, more: Mapping[str, str]) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8", **more},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise ClientFailed(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout
