"""What a mirror serves, asked as its clients ask."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import requests

from workers.files import sha256_of
from workers.mirrors.rsync import NotYet
from workers.outcome import BadRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_TIMEOUT_SECONDS = 60
_MOST_PACKAGES_ASKED_FOR = 200
# What commit points lead to; never changes, whatever is published meanwhile.
_INDEX = re.compile(r"dists/[^/]+/([^/]+/)+by-hash/.*|repodata/[0-9a-f]{64}-.*")
_SNAPSHOT = re.compile(r"dists/[^/]+/snapshots/.*")
_PACKAGE = re.compile(r".*\.(deb|rpm|dsc)")
_GONE = (requests.codes.not_found, requests.codes.gone, requests.codes.forbidden)


@dataclass(frozen=True)
class Served:
    """A mirror's address; use :meth:`at`."""

    url: str
    _session: requests.Session = field(default_factory=requests.Session, repr=False)

    @classmethod
    def at(cls, url: str) -> Served:
        """The mirror that clients know by an address; BadRequest if it is none."""
        try:
            parts = urlsplit(url)
            wrong = parts.scheme not in ("http", "https") or not parts.hostname
            wrong = wrong or bool(parts.query or parts.fragment or parts.username)
        except ValueError:
            wrong = True
        if wrong or not re.fullmatch(r"[!-~]+", url):
            raise BadRequest(f"--url is http://HOST/PATH or https://HOST/PATH, not {url[:200]!a}")
        return cls(url.rstrip("/"))

    def digest(self, path: str) -> str | None:
        """SHA-256 of a file; None if there is none. Raises NotYet when that cannot be told."""
        answer = self._ask("GET", path)
        if answer.status_code in _GONE:
            return None
        if not answer.ok:
            raise NotYet(f"{self.url}/{path} cannot be read: status {answer.status_code}")
        return sha256_of(answer.content)

    def must_serve(self, contents: Mapping[str, bytes]) -> None:
        """Raises NotYet unless these files are served just so."""
        for path, content in contents.items():
            answer = self._ask("GET", path)
            if not answer.ok or answer.content != content:
                raise NotYet(
                    f"{self.url}/{path} does not serve what was sent (status {answer.status_code})"
                )

    def must_have(self, root: Path, paths: Iterable[str]) -> None:
        """Raises NotYet unless it serves these files of a repository.

        Indexes are read; of packages the sizes are asked, of very many of them those of some.
        """
        known = list(paths)
        for path in known:
            own = root / path
            # One that expired meanwhile is led to from nowhere any more.
            if _INDEX.fullmatch(path) and not _SNAPSHOT.fullmatch(path) and own.is_file():
                self.must_serve({path: own.read_bytes()})
        packages = [path for path in known if _PACKAGE.fullmatch(path)]
        step = -(-len(packages) // _MOST_PACKAGES_ASKED_FOR) or 1
        for path in packages[::step]:
            self._must_have_package(root / path, path)
        for link in (path for path in known if (root / path).is_symlink()):
            # A package through it: daemons without chroot change links unless told not to.
            behind = next((file for file in (root / link).rglob("*") if file.is_file()), None)
            if behind is not None:
                self._must_have_package(behind, str(behind.relative_to(root)))

    def _must_have_package(self, own: Path, path: str) -> None:
        if not own.is_file():
            return
        answer = self._ask("HEAD", path)
        size = int(answer.headers.get("Content-Length", -1))
        if not answer.ok or size != own.stat().st_size:
            raise NotYet(f"{self.url}/{path} is not there in full: status {answer.status_code}")

    def _ask(self, method: str, path: str) -> requests.Response:
        try:
            return self._session.request(
                method,
                f"{self.url}/{quote(path)}",
                timeout=_TIMEOUT_SECONDS,
                allow_redirects=True,
                # What a cache on the way remembers is no answer; nor is a compressed one.
                headers={"Cache-Control": "no-cache", "Accept-Encoding": "identity"},
            )
        except requests.RequestException as error:
            raise NotYet(f"{self.url}/{path} does not answer: {error}") from error
