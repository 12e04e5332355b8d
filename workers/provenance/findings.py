"""What an audit finds, and how it looks at one file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from workers import files
from workers.outcome import BadRequest
from workers.provenance import statement as statements
from workers.provenance.envelope import open_sealed, unsigned
from workers.provenance.place import record_path

if TYPE_CHECKING:
    from pathlib import Path

    from workers.provenance.readers import Reader
    from workers.provenance.statement import Statement

Problem = Literal["missing", "changed", "unsigned", "no-record", "bad-record", "stranger"]


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be."""

    path: str
    problem: Problem
    text: str


@dataclass
class Findings:
    """A repository being looked at, and what was found so far."""

    reader: Reader
    key: Path | None
    """The public keys that are trusted; None: signatures are not looked at."""
    found: list[Finding] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)
    """Paths of what something signed leads to."""
    records: int = 0
    _judged: dict[tuple[str, str], bool] = field(default_factory=dict)
    _opened: dict[str, Statement | str] = field(default_factory=dict)

    def note(self, path: str, problem: Problem, text: str) -> None:
        """Add a finding."""
        self.found.append(Finding(path, problem, text))

    def content(self, path: str) -> bytes | None:
        """A file's content; a finding if it is missing."""
        self.reached.add(path)
        with self.reader.file(path) as local:
            if local is not None:
                return local.read_bytes()
        self.note(path, "missing", "it is not there")
        return None

    def is_as_listed(self, path: str, sha256: str, listed_in: str) -> bool:
        """Whether a file has the SHA-256 that an index tells; looked at once."""
        if (path, sha256) not in self._judged:
            self.reached.add(path)
            self._judged[path, sha256] = self._compare(path, sha256, listed_in)
        return self._judged[path, sha256]

    def indexed(self, path: str, sha256: str, listed_in: str) -> bytes | None:
        """The content of an index file, if it is as listed."""
        if not self.is_as_listed(path, sha256, listed_in):
            return None
        with self.reader.file(path) as local:
            return None if local is None else local.read_bytes()

    def statement(self, path: str) -> Statement | None:
        """What the record of a file says, whoever signed it if no key is given."""
        where = record_path(path)
        self.reached.add(where)
        with self.reader.file(where) as local:
            content = None if local is None else local.read_bytes()
        if content is None:
            self.note(path, "no-record", f"there is no {where}")
            return None
        # All files of one build have one record.
        digest = files.sha256_of(content)
        if digest not in self._opened:
            self.records += 1
            self._opened[digest] = self._open(content)
        opened = self._opened[digest]
        if isinstance(opened, str):
            self.note(where, "bad-record", opened)
            return None
        return opened

    def check_record(self, path: str, sha256: str) -> None:
        """Compare a published file with its record."""
        statement = self.statement(path)
        if statement is None:
            return
        told = statement.sha256_of(path)
        if told != sha256:
            about = "says nothing of this file" if told is None else f"says its SHA-256 is {told}"
            self.note(record_path(path), "bad-record", f"it {about}")
            return
        built = statement.built(path)
        if path.endswith(".deb") and built != sha256:
            text = f"the build made another file of that name: {built or 'none'}"
            self.note(path, "bad-record", text)

    def _compare(self, path: str, sha256: str, listed_in: str) -> bool:
        with self.reader.file(path) as local:
            if local is None:
                self.note(path, "missing", f"{listed_in} lists it, and it is not there")
                return False
            found = files.sha256(local)
        if found != sha256:
            text = f"its SHA-256 is {found}; {listed_in} says {sha256}"
            self.note(path, "changed", text)
        return found == sha256

    def _open(self, content: bytes) -> Statement | str:
        try:
            payload = unsigned(content) if self.key is None else open_sealed(content, self.key)
            statement = statements.read(payload)
        except BadRequest as error:
            return error.reason
        return statement.contradiction() or statement
