"""Whether published files are what their records say, and whether those can be true."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workers import files
from workers.outcome import BadRequest
from workers.provenance import statement as statements
from workers.provenance.place import record_path
from workers.repository.package import KEPT_BY_SIGNING, SHA256

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from workers.provenance.findings import Findings
    from workers.provenance.statement import Resource, Statement
    from workers.provenance.trust import NoTrust, Trust

_TESTS = ("gate", "install-test")
"""Jobs that tell of a change whether it may be published."""

_Digests = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Told:
    """What a record says, but for its story."""

    release: str
    published: _Digests
    """Digests of the files it is about, by their paths."""
    made: _Digests
    """Digests of the files that the build made, by their names."""
    was_proposed: bool
    """Whether there was a change; what was pushed past the gate has none."""
    contradiction: str | None
    """Why it cannot be, in words."""
    ungated: tuple[str, ...]
    """Why it should not have been published, in words."""


def told_by(statement: Statement) -> Told:
    """What a statement says. Pure."""
    external = statement.predicate.build_definition.external_parameters
    return Told(
        release=external.release,
        published=_by_name(statement.subject),
        made=_by_name(statement.predicate.run_details.byproducts),
        was_proposed=external.change is not None,
        contradiction=statement.contradiction(),
        ungated=tuple(ungated(statement)),
    )


def _contradictions(told: Told, path: str, digests: Mapping[str, str]) -> Iterator[str]:
    """What a record says that cannot be true of a published file with these digests. Pure."""
    if told.contradiction is not None:
        yield told.contradiction
    published, made = told.published.get(path), told.made.get(path.rpartition("/")[2])
    if published is None:
        yield "it says nothing of this file"
        return
    for kind, digest in digests.items():
        if published.get(kind) != digest:
            yield f"it says that the file's {kind} is {published.get(kind, 'none')}"
    if made is None:
        yield "it says of no file of that name that the build made it"
        return
    for kind in KEPT_BY_SIGNING if path.endswith(".rpm") else (SHA256,):
        if made.get(kind) is None or made[kind] != published.get(kind):
            other = f"{kind} is {made.get(kind, 'none')}"
            yield f"the build made another file of that name: its {other}"


def look_up(findings: Findings, path: str, digests: Mapping[str, str]) -> Statement | None:
    """What the record of a published file says, if it is one of a file with these digests.

    None, and findings, if it is not. Whether it should have been published is not asked.
    """
    content = _content(findings, path)
    if content is None:
        return None
    try:
        statement = _opened(content, findings.trust)
    except BadRequest as error:
        findings.note(record_path(path), "bad-record", error.reason)
        return None
    wrong = list(_contradictions(told_by(statement), path, digests))
    for text in wrong:
        findings.note(record_path(path), "bad-record", text)
    return None if wrong else statement


@dataclass
class Records:
    """The records of a repository that were looked at."""

    findings: Findings
    past_gate: int = 0
    """How many of them are of what was pushed past the gate."""
    _told: dict[str, Told | str] = field(default_factory=dict)
    _releases: dict[str, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._told)

    def check(self, path: str, digests: Mapping[str, str]) -> None:
        """Compare a published file with its record."""
        content = _content(self.findings, path)
        if content is None:
            return
        where, told = record_path(path), self._read(content)
        if isinstance(told, str):
            self.findings.note(where, "bad-record", told)
            return
        self._releases.setdefault(told.release, []).append(where)
        for text in _contradictions(told, path, digests):
            self.findings.note(where, "bad-record", text)
        for text in told.ungated:
            self.findings.note(path, "ungated", text)

    def check_release(self, expected: str | None) -> str | None:
        """Compare the releases they name with one, or with most of them; answers which that is."""
        counts = Counter({name: len(paths) for name, paths in self._releases.items()})
        release = expected or next((name for name, _ in counts.most_common(1)), None)
        for name in sorted(self._releases.keys() - {release}):
            for where in self._releases[name]:
                text = f"it is of release {name}, and the repository is of {release}"
                self.findings.note(where, "bad-record", text)
        return release

    def _read(self, content: bytes) -> Told | str:
        # All files of one build have one record.
        digest = files.sha256_of(content)
        if digest not in self._told:
            try:
                told = told_by(_opened(content, self.findings.trust))
            except BadRequest as error:
                self._told[digest] = error.reason
            else:
                self._told[digest] = told
                self.past_gate += not told.was_proposed
        return self._told[digest]


def _content(findings: Findings, path: str) -> bytes | None:
    content = findings.content(record_path(path), missing=None)
    if content is None:
        findings.note(path, "no-record", f"there is no {record_path(path)} that can be read")
    return content


def _opened(content: bytes, trust: Trust | NoTrust) -> Statement:
    return statements.read(trust.unsealed(content))


def _by_name(resources: Iterable[Resource]) -> _Digests:
    return {each.name: each.digest for each in resources if each.name is not None}


def ungated(statement: Statement) -> Iterator[str]:
    """Why it should not have been published, in words. Pure.

    What was pushed past the gate was never proposed; who may do so is for Gerrit to say.
    """
    external = statement.predicate.build_definition.external_parameters
    change, merged = external.change, external.merged
    if change is not None and merged is None:
        yield f"change {change.number}, patch set {change.patchset}, never merged"
    if merged is not None and merged.as_tested:
        wanted = {f"{job}/{external.release}/{external.package}" for job in _TESTS}
        passed = {run.builder for run in statement.predicate.runs if run.result == "success"}
        if not wanted & passed:
            yield "it says that this was tested, and names no test that passed"
