"""Small packages in small repositories, made by the formats' own tools and served over HTTP."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Self

_CODENAME = "bookworm"


@dataclass(frozen=True)
class Deb:
    """A DEB package to be made."""

    name: str
    version: str = "1.0-1"
    depends: str = ""
    files: dict[str, str] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)
    architecture: str = "all"

    def make(self, scratch: Path, into: Path) -> None:
        """Build it with dpkg-deb(1)."""
        tree = scratch / f"{self.name}_{self.version}"
        control = (
            f"Package: {self.name}\nVersion: {self.version}\nArchitecture: {self.architecture}\n"
            f"Maintainer: Ann <ann@example.org>\nDescription: a test's package\n"
        )
        control += f"Depends: {self.depends}\n" if self.depends else ""
        _write(tree, "DEBIAN/control", control)
        for name, text in self.scripts.items():
            _write(tree, f"DEBIAN/{name}", f"#!/bin/sh\nset -e\n{text}\n").chmod(0o755)
        for path, content in self.files.items():
            _write(tree, path, content).chmod(0o755)
        _call("dpkg-deb", "--root-owner-group", "--build", tree, into)


@dataclass(frozen=True)
class Rpm:
    """An RPM package to be made."""

    name: str
    version: str = "1.0"
    requires: str = ""
    files: dict[str, str] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)
    architecture: str = "noarch"
    with_source: bool = False

    def make(self, scratch: Path, into: Path) -> None:
        """Build it with rpmbuild(8), in a folder for its architecture."""
        tree = scratch / f"{self.name}-{self.version}"
        lines = [
            *(f"Name: {self.name}", f"Version: {self.version}", "Release: 1", "Summary: a test's"),
            *("License: MIT", f"BuildArch: {self.architecture}"),
            *([f"Requires: {self.requires}"] if self.requires else []),
            *("%description", "A test's.", "%install"),
        ]
        for path, content in self.files.items():
            _write(tree / "files", path, content)
            lines.append(f"install -D -m 0755 {tree}/files/{path} %{{buildroot}}/{path}")
        for name, text in self.scripts.items():
            lines += [f"%{name}", text]
        lines += ["%files", *(f"/{path}" for path in self.files)]
        spec = _write(tree, "package.spec", "\n".join(lines) + "\n")
        _call(
            *("rpmbuild", "-ba" if self.with_source else "-bb", "--define", f"_topdir {tree}"),
            *("--define", f"_rpmdir {into}", "--define", f"_srcrpmdir {into}/src", spec),
        )


class Repositories:
    """Repositories below one folder, and the server for them."""

    def __init__(self, folder: Path) -> None:
        self._served = folder / "served"
        self._served.mkdir()
        self._scratch = folder / "scratch"
        self._home = folder / "gnupg"
        self._home.mkdir(mode=0o700)
        self._made = 0
        handler = partial(SimpleHTTPRequestHandler, directory=str(self._served))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._gpg("--quick-gen-key", "tests", "ed25519", "sign", "never")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        _call("gpgconf", "--homedir", self._home, "--kill", "gpg-agent")

    @property
    def url(self) -> str:
        """The address the repositories are below."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def deb(self, *packages: Deb) -> str:
        """Make an APT repository; return what `repository test` would say about it."""
        name, folder, scratch = self._new()
        pool = folder / "pool"
        pool.mkdir()
        for package in packages:
            package.make(scratch, pool)
        listed = _call("dpkg-scanpackages", "--multiversion", "pool", cwd=folder)
        index = f"main/binary-{_architecture()}/Packages"
        suite = folder / "dists" / _CODENAME
        for suffix, content in (("", listed), (".gz", gzip.compress(listed, mtime=0))):
            path = suite / f"{index}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        release = (
            f"Origin: {name}\nLabel: {name}\nCodename: {_CODENAME}\nComponents: main\n"
            f"Architectures: {_architecture()}\nDate: {_call('date', '-Ru').decode().strip()}\n"
            "SHA256:\n"
        )
        for suffix in ("", ".gz"):
            content = (suite / f"{index}{suffix}").read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            release += f" {digest} {len(content)} {index}{suffix}\n"
        _write(suite, "Release", release)
        self._gpg("--clearsign", "--output", str(suite / "InRelease"), str(suite / "Release"))
        (folder / "key.asc").write_bytes(self._gpg("--armor", "--export"))
        return json.dumps(
            {
                "path": name,
                "format": "deb",
                "origin": name,
                "codename": _CODENAME,
                "key": f"{name}/key.asc",
                "packages": [{"name": p.name, "version": p.version} for p in packages],
            }
        )

    def rpm(self, *packages: Rpm) -> str:
        """Make an RPM repository; return what `repository test` would say about it."""
        name, folder, scratch = self._new()
        for package in packages:
            package.make(scratch, folder)
        _call(Path(sys.executable).parent / "createrepo_c", "--quiet", folder)
        return json.dumps({"path": name, "format": "rpm", "origin": None, "packages": []})

    def _new(self) -> tuple[str, Path, Path]:
        self._made += 1
        name = f"repository-{self._made}"
        folder, scratch = self._served / name, self._scratch / name
        folder.mkdir()
        scratch.mkdir(parents=True)
        return name, folder, scratch

    def _gpg(self, *arguments: str) -> bytes:
        always = ("--batch", "--yes", "--quiet", "--passphrase", "")
        return _call("gpg", "--homedir", self._home, *always, *arguments)


def _write(folder: Path, path: str, content: str) -> Path:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(textwrap.dedent(content))
    return target


def _architecture() -> str:
    return _call("dpkg", "--print-architecture").decode().strip()


def _call(*command: str | Path, cwd: Path | None = None) -> bytes:
    done = subprocess.run(command, cwd=cwd, capture_output=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stderr.decode(errors='replace')}")
    return done.stdout
