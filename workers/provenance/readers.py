"""A repository to be audited: a folder, or an address."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

import requests
import tenacity
import urllib3

from workers.outcome import BadRequest, InfrastructureFault
from workers.web import NOT_THERE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

_TIMEOUT_SECONDS = 60
_CHUNK = 1 << 20
_SERVER_ERROR = 500
_LONGEST_PATH = 4000
_LONGEST_NAME = 255
_HEADERS = {
    # What a cache on the way remembers is no answer.
    "Cache-Control": "no-cache",
    # A compressed index is the file itself, not a way to send it.
    "Accept-Encoding": "identity",
}


def _may_pass(error: BaseException) -> bool:
    """Whether the same may work again: a failing network or server, not one that refuses."""
    answer = getattr(error, "response", None)
    if answer is not None:
        return bool(answer.status_code >= _SERVER_ERROR)
    return isinstance(error, (requests.RequestException, urllib3.exceptions.HTTPError))


class Reader(Protocol):
    """Reads a repository; paths are from its root."""

    def file(self, path: str, limit: int) -> AbstractContextManager[Path | None]:
        """A context with a local file of the same content; None if there is none.

        Of a file of more bytes than ``limit`` there may be no more than a beginning, which is
        longer than that too. Raises BadRequest for a path that leads out of the repository, and
        InfrastructureFault when it cannot be read.
        """
        ...

    def paths(self) -> dict[str, str | None] | None:
        """All that clients can see, with where it leads to if it is a symbolic link.

        None where that cannot be told.
        """
        ...


def reader_of(where: str) -> Folder | Address:
    """The reader of a folder or an http(s) address; raises BadRequest for anything else."""
    if where.startswith(("http://", "https://")):
        return Address(where.rstrip("/"))
    root = Path(where)
    if not root.is_dir():
        raise BadRequest(f"{where} is no folder, and no address that begins with http")
    return Folder(root)


@dataclass(frozen=True)
class Folder:
    """A repository on this machine."""

    root: Path

    @contextmanager
    def file(self, path: str, limit: int) -> Iterator[Path | None]:
        """The file itself."""
        del limit
        found = self.root / _checked(path)
        try:
            there = found.is_file()
            if there:
                found.open("rb").close()
        except FileNotFoundError:
            there = False
        except OSError as error:
            raise InfrastructureFault(f"{found} cannot be read: {error}") from error
        yield found if there else None

    def paths(self) -> dict[str, str | None] | None:
        """All files and symbolic links but the publisher's own, whose names are hidden."""
        found: dict[str, str | None] = {}
        for top, folders, names in os.walk(self.root, onerror=_refuse):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in (*folders, *names):
                path = Path(top) / name
                if path.is_symlink():
                    found[str(path.relative_to(self.root))] = str(path.readlink())
                elif name in names and not name.startswith("."):
                    found[str(path.relative_to(self.root))] = None
        return found


@dataclass(frozen=True)
class Address:
    """A repository behind a web server: the publisher's, or a mirror."""

    url: str
    _session: requests.Session = field(default_factory=requests.Session, repr=False)

    @contextmanager
    def file(self, path: str, limit: int) -> Iterator[Path | None]:
        """A copy."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / PurePosixPath(_checked(path)).name
            try:
                there = self._fetch(f"{self.url}/{quote(path)}", copy, limit)
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                # Servers choose what stands in it.
                told = f"{self.url}/{path} cannot be read: {str(error)!a}"
                raise InfrastructureFault(told) from error
            yield copy if there else None

    def paths(self) -> dict[str, str | None] | None:
        """Web servers need not tell."""
        return None

    @tenacity.retry(
        retry=tenacity.retry_if_exception(_may_pass),
        stop=tenacity.stop_after_attempt(4),
        wait=tenacity.wait_exponential(multiplier=0.5, max=10),
        reraise=True,
    )
    def _fetch(self, url: str, copy: Path, limit: int) -> bool:
        with self._session.get(
            url, stream=True, timeout=_TIMEOUT_SECONDS, headers=_HEADERS
        ) as answer:
            if answer.status_code in NOT_THERE:
                return False
            answer.raise_for_status()
            size = 0
            with copy.open("wb") as content:
                for chunk in answer.raw.stream(_CHUNK, decode_content=False):
                    content.write(chunk)
                    size += len(chunk)
                    if size > limit:
                        break
        return True


def _checked(path: str) -> str:
    """A path that an index names; raises BadRequest for one that leads out of the repository."""
    parts = PurePosixPath(path).parts
    if (
        not parts
        or PurePosixPath(path).is_absolute()
        or ".." in parts
        or not path.isprintable()
        or len(path.encode()) > _LONGEST_PATH
        or any(len(part.encode()) > _LONGEST_NAME for part in parts)
    ):
        raise BadRequest(f"{path[:200]!a} is no path within a repository")
    return path


def _refuse(error: OSError) -> None:
    raise InfrastructureFault(f"{error.filename} cannot be read: {error}") from error
