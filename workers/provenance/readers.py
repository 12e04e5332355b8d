"""A repository to be audited: a folder, or an address."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

import requests
import tenacity

from workers.outcome import BadRequest, InfrastructureFault
from workers.web import NOT_THERE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

_TIMEOUT_SECONDS = 60
_CHUNK = 1 << 20


class Reader(Protocol):
    """Reads a repository; paths are from its root."""

    def file(self, path: str) -> AbstractContextManager[Path | None]:
        """A context with a local file of the same content; None if there is none."""
        ...

    def paths(self) -> set[str] | None:
        """All that clients can see; None where that cannot be told."""
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
    def file(self, path: str) -> Iterator[Path | None]:
        """The file itself."""
        found = self.root / _checked(path)
        yield found if found.is_file() else None

    def paths(self) -> set[str] | None:
        """All files and symbolic links but the publisher's own, whose names are hidden."""
        found = set()
        for path in self.root.rglob("*"):
            name = path.relative_to(self.root)
            if (path.is_symlink() or path.is_file()) and not _is_hidden(name):
                found.add(str(name))
        return found


@dataclass(frozen=True)
class Address:
    """A repository behind a web server: the publisher's, or a mirror."""

    url: str
    _session: requests.Session = field(default_factory=requests.Session, repr=False)

    @contextmanager
    def file(self, path: str) -> Iterator[Path | None]:
        """A copy. Raises InfrastructureFault when the server cannot be asked."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / PurePosixPath(_checked(path)).name
            try:
                there = self._fetch(f"{self.url}/{quote(path)}", copy)
            except requests.RequestException as error:
                raise InfrastructureFault(f"{self.url}/{path} cannot be read: {error}") from error
            yield copy if there else None

    def paths(self) -> set[str] | None:
        """Web servers need not tell."""
        return None

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(requests.RequestException),
        stop=tenacity.stop_after_attempt(4),
        wait=tenacity.wait_exponential(multiplier=0.5, max=10),
        reraise=True,
    )
    def _fetch(self, url: str, copy: Path) -> bool:
        with self._session.get(url, stream=True, timeout=_TIMEOUT_SECONDS) as answer:
            if answer.status_code in NOT_THERE:
                return False
            answer.raise_for_status()
            with copy.open("wb") as content:
                for chunk in answer.iter_content(_CHUNK):
                    content.write(chunk)
        return True


def _checked(path: str) -> str:
    """A path that an index names; raises BadRequest for one that leads out of the repository."""
    parts = PurePosixPath(path).parts
    if not parts or PurePosixPath(path).is_absolute() or ".." in parts or not path.isprintable():
        raise BadRequest(f"{path[:200]!a} is no path within a repository")
    return path


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
