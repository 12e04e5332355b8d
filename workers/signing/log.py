"""What was signed, when, with which key, for which build: one JSON object a line, only appended.

Each line has the SHA-256 of the line before it, so that a line that is changed, taken out or put in
breaks the chain: see :func:`verify`. Beside the log there is a small file for each repository with
the newest generation that was signed for it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from workers import files
from workers.names import file_name
from workers.outcome import BadRequest, InfrastructureFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_LOG = "signed.log"
_LOCK = "signed.log.lock"
_NEWEST = "newest"
_LONGEST_LINE = 1 << 16
_NOTHING = "0" * 64
"""In the first line, instead of a digest."""


@dataclass(frozen=True)
class _Newest:
    """The newest generation that was signed for a repository."""

    generation: str
    line: str
    """SHA-256 of the last line on it."""


_NEWEST_OF = TypeAdapter(_Newest)


def record(home: Path, entries: Iterable[Mapping[str, str]]) -> str:
    """Append lines and make them durable: before the signatures they tell of are made.

    Answers the SHA-256 of the last line. Raises InfrastructureFault when they cannot be written.
    """
    with files.lock(home / _LOCK):
        return _append(home, entries)


def record_generation(
    home: Path, repository: str, generation: str, entries: Iterable[Mapping[str, str]]
) -> str:
    """The same, of what a generation of a repository is committed with.

    Raises BadRequest for a generation older than the newest that was signed for the repository:
    nobody is to present it as new.
    """
    path = home.joinpath(_NEWEST, *map(file_name, repository.split("/")))
    with files.lock(home / _LOCK):
        if path.exists():
            last = _newest(path).generation
            if generation < last:
                raise BadRequest(f"generation {generation} is older than {last}, signed before")
        line = _append(home, entries)
        files.write(path, _NEWEST_OF.dump_json(_Newest(generation, line)))
        files.settle(path.parent)
    return line


@dataclass(frozen=True)
class Verified:
    """A log that is as it was written."""

    lines: int
    cut_off: int
    """How many of them were cut off by a crash; nothing was signed for these."""
    last: str
    """SHA-256 of the last line."""


def verify(home: Path, held: Iterable[str] = ()) -> Verified:
    """See whether each line follows from the one before, and certain lines are there.

    These are the ones with the SHA-256 ``held``, and those of each repository's newest generation.
    Raises BadRequest at the first place where it is not so.
    """
    path = home / _LOG
    newest = (path for path in (home / _NEWEST).rglob("*") if path.is_file())
    missing = {*held, *(_newest(path).line for path in newest)}
    previous, number, cut_off = _NOTHING, 0, 0
    for number, line in enumerate(_lines(path), start=1):
        told = _told(line)
        if told is None:
            cut_off += 1
        elif told.get("previous") != previous:
            raise BadRequest(
                f"{path}: line {number} does not follow from the line before: one of them was "
                "changed, or one between was taken out or put in"
            )
        previous = files.sha256_of(line)
        missing.discard(previous)
    if missing:
        raise BadRequest(f"{path} has no line with SHA-256 {min(missing)} any more; it once had")
    return Verified(number, cut_off, previous)


def _append(home: Path, entries: Iterable[Mapping[str, str]]) -> str:
    path = home / _LOG
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        last, is_whole = _last_line(path, descriptor)
        # What a crash cut off stays as it is: a line that nothing was signed for.
        text = b"" if is_whole else b"\n"
        for entry in entries:
            about = {"time": datetime.now(UTC).isoformat(), "previous": last, **entry}
            line = json.dumps(about, sort_keys=True).encode()
            text += line + b"\n"
            last = files.sha256_of(line)
        while text:
            text = text[os.write(descriptor, text) :]
        os.fsync(descriptor)
    except OSError as error:
        raise InfrastructureFault(
            f"{path} cannot be written, so nothing is signed: {error}"
        ) from error
    finally:
        os.close(descriptor)
    if is_new:
        files.settle(home)
    return last


def _last_line(path: Path, descriptor: int) -> tuple[str, bool]:
    """The SHA-256 of the last line, and whether the line was ended."""
    size = os.fstat(descriptor).st_size
    if size == 0:
        return _NOTHING, True
    tail = os.pread(descriptor, _LONGEST_LINE, max(0, size - _LONGEST_LINE))
    _, newline, last = tail.removesuffix(b"\n").rpartition(b"\n")
    if not newline and len(tail) < size:
        raise InfrastructureFault(f"{path} is damaged: its last line has no beginning")
    return files.sha256_of(last), tail.endswith(b"\n")


def _lines(path: Path) -> Iterator[bytes]:
    if path.exists():
        with path.open("rb") as log:
            for line in log:
                yield line.removesuffix(b"\n")


def _told(line: bytes) -> dict[str, str] | None:
    """What a line says; None if it was cut off."""
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _newest(path: Path) -> _Newest:
    try:
        return _NEWEST_OF.validate_json(path.read_bytes())
    except ValidationError as error:
        raise InfrastructureFault(
            f"{path} is damaged; restore it from a backup, or from the last line on the "
            f"repository in {_LOG}",
            str(error),
        ) from error
