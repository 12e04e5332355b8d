"""Which generations a repository has, and which files each of them needs.

``.generations/COMMIT.json`` describes the generation whose commit point has the SHA-256 COMMIT; it
is written before the commit point is renamed into place, so a commit point always has its
description. ``.generations/log`` has a line for each, with what it brought and what it no longer
needs. Lines whose generation was never committed are told by not being on the way back from the
commit point. ``.generations/COMMIT.NAME`` is the file NAME that lies beside the commit point while
that generation is the published one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from workers import files
from workers.outcome import InfrastructureFault
from workers.provenance.place import FOLDER
from workers.repository.ledger import Entry  # noqa: TC001 - read when it is restored
from workers.repository.table import Table  # noqa: TC001 - read when it is restored

if TYPE_CHECKING:
    from pathlib import Path

_FOLDER = ".generations"
_STAMP = "%Y%m%dT%H%M%S.%fZ"
INDEX = "index.json"
"""Beside the descriptions of generations: which can be gone back to."""


@dataclass(frozen=True)
class Generation:
    """One published state of a repository."""

    stamp: str
    """Its name: when it was made, in UTC."""
    base: str | None
    """SHA-256 of the commit point before it."""
    reason: str
    """``publish``, ``refresh`` or ``rollback to STAMP``."""
    tables: dict[str, Table]
    added: list[dict[str, str]] = field(default_factory=list)
    """Packages that the generation before did not list."""
    removed: list[dict[str, str]] = field(default_factory=list)
    brought: list[Entry] = field(default_factory=list)
    """For the ledger: what it was the first to publish."""


@dataclass(frozen=True)
class Line:
    """One generation in the log."""

    stamp: str
    commit: str
    base: str | None
    indexes: list[str]
    """Paths of its index files."""
    added: list[str]
    """Paths of package files it needs and the one before did not."""
    removed: list[str]
    """Paths of package files the one before needed and it does not."""
    reason: str


_GENERATION = TypeAdapter(Generation)
_LINE = TypeAdapter(Line)


def described(path: Path) -> Generation:
    """The generation that a file describes."""
    try:
        return _GENERATION.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise InfrastructureFault(
            f"{path} is missing or damaged: restore the repository from a mirror or a backup",
            str(error),
        ) from error


def description(generation: Generation) -> bytes:
    """What such a file holds."""
    return _GENERATION.dump_json(generation)


def new_stamp(after: str | None) -> str:
    """A name for a generation made now, later than the one before whatever the clock says."""
    now = datetime.now(UTC)
    if after is not None:
        now = max(now, moment(after) + timedelta(microseconds=1))
    return now.strftime(_STAMP)


def moment(stamp: str) -> datetime:
    """The time in a generation's name."""
    return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)


class Generations:
    """What is kept about generations below a repository's root."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self._folder = root / _FOLDER
        self._log = self._folder / "log"
        self._scratch = scratch

    def read(self, commit: str | None) -> Generation:
        """The generation of a commit point; before the first publish an empty one."""
        if commit is None:
            return Generation(stamp="", base=None, reason="", tables={})
        return described(self._folder / f"{commit}.json")

    def write(self, description: Path, line: Line, made: files.Together) -> None:
        """Take over the description of a generation that is about to be committed."""
        made.link(description, self._folder / f"{line.commit}.json")
        made.write(self._log, _log_text({**self._lines(), line.commit: line}))

    def keep_beside(
        self, commit: str, name: str, content: bytes, made: files.Together, *, after: float
    ) -> None:
        """Keep a file that lies beside a commit point; its time is later than ``after``."""
        made.write(self._folder / f"{commit}.{name}", content, after=after)

    def beside(self, commit: str) -> dict[str, str]:
        """Such files by their names, each with its path from the root."""
        paths = self._folder.glob(f"{commit}.*")
        names = {path.name.partition(".")[2]: f"{_FOLDER}/{path.name}" for path in paths}
        return {name: path for name, path in names.items() if name != "json"}

    def committed(self, commit: str | None) -> list[Line]:
        """Lines of all kept generations, the published one first."""
        lines, found = self._lines(), []
        while commit is not None and commit in lines:
            found.append(lines[commit])
            commit = lines[commit].base
        return found

    def forget(self, kept: list[Line]) -> None:
        """Keep what belongs to these generations only."""
        # First: no line may be left without its description.
        text = _log_text({line.commit: line for line in kept[::-1]})
        files.write(self._log, text, scratch=self._scratch)
        commits = {line.commit for line in kept}
        for path in self._folder.iterdir():
            if path != self._log and path.name.partition(".")[0] not in commits:
                path.unlink()

    def _lines(self) -> dict[str, Line]:
        try:
            text = self._log.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        lines = (_LINE.validate_json(line) for line in text.splitlines())
        return {line.commit: line for line in lines}


def _log_text(lines: dict[str, Line]) -> bytes:
    return b"".join(_LINE.dump_json(line) + b"\n" for line in lines.values())


def split(
    lines: list[Line], *, generations: int, seconds: float, now: datetime
) -> tuple[list[Line], list[Line]]:
    """Which generations to keep and which to drop, newest first each. Pure.

    Kept are the newest ``generations`` and those that were the published one less than ``seconds``
    ago.
    """
    kept = list(lines[:generations])
    for newer, line in zip(lines[generations - 1 :], lines[generations:], strict=False):
        if (now - moment(newer.stamp)).total_seconds() >= seconds:
            break
        kept.append(line)
    return kept, lines[len(kept) :]


def unneeded(kept: list[Line], dropped: list[Line]) -> list[str]:
    """Paths of files that only dropped generations need. Pure."""
    indexes = {path for line in kept for path in line.indexes}
    gone = [path for line in dropped for path in line.indexes if path not in indexes]
    # A package file leaves with the generation after the last that needed it, which is the oldest
    # kept one or older; a newer one may have brought it back.
    brought_back = {path for line in kept[:-1] for path in line.added}
    for line in (kept[-1], *dropped):
        gone += [path for path in line.removed if path not in brought_back]
        brought_back |= set(line.added)
    return list(dict.fromkeys(gone))


def summary(generation: Generation) -> dict[str, Any]:
    """What clients and people may read of a generation."""
    return {
        "generation": generation.stamp,
        "reason": generation.reason,
        "added": generation.added,
        "removed": generation.removed,
    }


def summary_text(generation: Generation) -> bytes:
    """The same, as a file."""
    return json.dumps(summary(generation), indent=1).encode()


def index_text(kept: list[Line]) -> bytes:
    """What can be gone back to, as a file, the published generation first."""
    told = [
        {
            "generation": line.stamp,
            "reason": line.reason,
            "files_added": _shown(line.added),
            "files_removed": _shown(line.removed),
        }
        for line in kept
    ]
    return json.dumps(told, indent=1).encode()


def _shown(paths: list[str]) -> int:
    """How many of them are packages."""
    return sum(not path.startswith((".", f"{FOLDER}/")) for path in paths)
