"""What an audit finds, and how it looks at one file."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from workers import files
from workers.outcome import BadRequest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workers.provenance.readers import Reader
    from workers.provenance.trust import NoTrust, Trust
    from workers.provenance.unpacking import Content

Problem = Literal[
    "missing",
    "changed",
    "unsigned",
    "damaged",
    "expired",
    "no-record",
    "bad-record",
    "ungated",
    "stranger",
]

_MOST_READ = 16 << 20  # bytes of what is read into memory; the largest are records of huge builds


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
    trust: Trust | NoTrust
    found: list[Finding] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)
    """Paths of what something signed leads to."""
    _judged: dict[tuple[str, Content], bool] = field(default_factory=dict)

    def note(self, path: str, problem: Problem, text: str) -> None:
        """Add a finding."""
        self.found.append(Finding(path, problem, text))

    @contextmanager
    def damage_noted(self, path: str, problem: Problem = "damaged") -> Iterator[None]:
        """Turn a BadRequest into a finding on a file, and go on behind the block."""
        try:
            yield
        except BadRequest as error:
            self.note(path, problem, error.reason)

    def content(self, path: str, *, missing: Problem | None = "missing") -> bytes | None:
        """A small file's content; None, and a finding, if it is missing or not small.

        Some files may be missing: tell None.
        """
        self.reached.add(path)
        with self.damage_noted(path), self.reader.file(path, _MOST_READ) as local:
            if local is None:
                if missing is not None:
                    self.note(path, missing, "it is not there")
            elif local.stat().st_size > _MOST_READ:
                self.note(path, "damaged", f"it is longer than {_MOST_READ} bytes")
            else:
                return local.read_bytes()
        return None

    def is_as_listed(self, path: str, content: Content, listed_in: str) -> bool:
        """Whether a file holds what an index tells; looked at once."""
        if (path, content) not in self._judged:
            with self.listed(path, content, listed_in):
                pass
        return self._judged[path, content]

    @contextmanager
    def listed(self, path: str, content: Content, listed_in: str) -> Iterator[Path | None]:
        """A local file with what an index tells; None, and a finding, if there is none."""
        self.reached.add(path)
        with ExitStack() as stack:
            local = None
            with self.damage_noted(path):
                local = stack.enter_context(self.reader.file(path, content.size))
                wrong = _wrong(local, content, listed_in)
                if wrong is not None:
                    self.note(path, *wrong)
                    local = None
            self._judged[path, content] = local is not None
            yield local


def _wrong(local: Path | None, content: Content, listed_in: str) -> tuple[Problem, str] | None:
    if local is None:
        return "missing", f"{listed_in} lists it, and it is not there"
    # Of what is longer no more than a beginning may be there.
    if local.stat().st_size != content.size:
        return "changed", f"it is not {content.size} bytes long, as {listed_in} says"
    if (sha256 := files.sha256(local)) != content.sha256:
        return "changed", f"its SHA-256 is {sha256}; {listed_in} says {content.sha256}"
    return None
