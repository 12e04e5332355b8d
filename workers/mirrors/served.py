"""What a mirror serves, asked as its clients ask."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import requests

from workers.files import sha256_of
from workers.mirrors.kinds import kind
from workers.mirrors.rsync import NotYet
from workers.outcome import BadRequest
from workers.web import NOT_THERE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_TIMEOUT_SECONDS = (10, 30)  # to connect, and of silence
_MOST_BYTES = 1 << 24  # of a commit point; they have some thousands
_PART_BYTES = 512  # of each file that is looked at
_MOST_OF_A_KIND = 50


@dataclass
class Served:
    """A mirror's address; use :meth:`at`. Methods raise NotYet for what may pass."""

    url: str
    read: int = 0
    """Bytes, of all answers."""
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
        """SHA-256 of a file; None if there is none. NotYet when that cannot be told."""
        with self._asked(path) as answer:
            if answer.status_code in NOT_THERE:
                return None
            if not answer.ok:
                raise self._trouble(path, "cannot be read", answer)
            content = self._content(answer, _MOST_BYTES + 1)
            if len(content) > _MOST_BYTES:
                raise self._trouble(path, "is no commit point: it does not end", answer)
            return sha256_of(content)

    def must_serve(self, contents: Mapping[str, bytes]) -> None:
        """NotYet unless these files are served just so."""
        for path, content in contents.items():
            with self._asked(path) as answer:
                if not answer.ok or self._content(answer, len(content) + 1) != content:
                    raise self._trouble(path, "does not serve what was sent", answer)

    def must_have(self, known: Mapping[str, Path]) -> None:
        """NotYet unless files are served, by path, in full and with the last bytes that ours have.

        Of very many of a kind some are looked at. What rsync(1) brought has been compared as a
        whole; this is whether it can be had where clients ask for it.
        """
        for path in sample(known):
            self._must_have(path, known[path])

    def _must_have(self, path: str, own: Path) -> None:
        size = own.stat().st_size
        start = max(size - _PART_BYTES, 0)
        with own.open("rb") as file:
            first = file.read(_PART_BYTES)
            file.seek(start)
            last = file.read()
        # Of nothing there is no part.
        with self._asked(path, **({"Range": f"bytes={start}-"} if size else {})) as answer:
            # One byte more: to its end, so that the connection can be used again.
            part = self._content(answer, _PART_BYTES + 1)
            if answer.status_code == requests.codes.partial_content:
                total = answer.headers.get("Content-Range", "").rpartition("/")[2]
                there = part == last and total in (str(size), "*")
            else:
                # A server that knows no parts sends all, and need not say how much that is.
                total = answer.headers.get("Content-Length", str(size))
                there = answer.ok and part[:_PART_BYTES] == first and total == str(size)
            if not there:
                raise self._trouble(path, "is not there in full", answer)

    def _trouble(self, path: str, what: str, answer: requests.Response) -> NotYet:
        return NotYet(f"{self.url}/{path} {what} (status {answer.status_code})")

    def _content(self, answer: requests.Response, most: int) -> bytes:
        """What is answered, or the beginning of more."""
        content = b""
        for piece in answer.iter_content(min(most, 1 << 16)):
            content += piece
            self.read += len(piece)
            if len(content) >= most:
                break
        return content[:most]

    @contextmanager
    def _asked(self, path: str, **headers: str) -> Iterator[requests.Response]:
        # What a cache on the way remembers is no answer; nor is a compressed one.
        always = {"Cache-Control": "no-cache", "Accept-Encoding": "identity"}
        try:
            with self._session.get(
                f"{self.url}/{quote(path)}",
                timeout=_TIMEOUT_SECONDS,
                headers={**always, **headers},
                stream=True,
            ) as answer:
                yield answer
        except requests.RequestException as error:
            raise NotYet(f"{self.url}/{path} does not answer: {error}") from error


def sample(paths: Iterable[str]) -> list[str]:
    """Some of the paths, of each kind. Pure."""
    kinds: dict[str, list[str]] = {}
    for path in sorted(paths):
        kinds.setdefault(kind(path), []).append(path)
    found: list[str] = []
    for of_kind in kinds.values():
        found += of_kind[:: -(-len(of_kind) // _MOST_OF_A_KIND)]
    return found
