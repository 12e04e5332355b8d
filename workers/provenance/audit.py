"""Verifying a whole repository, from the public key down to each published byte."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workers.outcome import InfrastructureFault
from workers.provenance import kept
from workers.provenance.findings import Finding, Findings
from workers.provenance.place import record_path
from workers.provenance.readers import Folder
from workers.provenance.records import Records
from workers.provenance.staged import staged
from workers.public_keys import KEY, fingerprints

if TYPE_CHECKING:
    from datetime import datetime

    from workers.provenance.chain import Chain, Generation
    from workers.provenance.readers import Reader
    from workers.provenance.trust import Trust

_ATTEMPTS = 3
PAUSE_SECONDS = 5.0
"""Between two of them, for whoever writes to come to an end."""
_SMALL = 4 << 20  # bytes: commit points and indexes of generations are much smaller


@dataclass
class Report:
    """What an audit came to."""

    generation: str | None = None
    """Name of the published one; None where nothing that is signed tells it."""
    release: str | None = None
    """Which release the records are of."""
    files: int = 0
    """Packages looked at, of all generations that are kept."""
    records: int = 0
    past_gate: int = 0
    """Records of what was pushed past the gate."""
    staged: list[str] = field(default_factory=list)
    """Paths of what is there for a generation that is not published."""
    findings: list[Finding] = field(default_factory=list)


def audit(
    reader: Reader, trust: Trust, chain: Chain, now: datetime, *, release: str | None = None
) -> Report:
    """Look at everything; ``release`` is the one whose repository it should be.

    A publish or a sync meanwhile changes what is there. Then it looks again, and what it does not
    find each time was never wrong. Raises InfrastructureFault where files go all the time.
    """
    report, again = None, None
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_SECONDS)
        # A file may go between being found and being read.
        with suppress(FileNotFoundError):
            before = _moving(reader, chain)
            look = _Audit(reader, trust, chain)
            report = look.report(now, release)
            if look.is_settled and _moving(reader, chain) == before:
                return report
            report.findings = [each for each in report.findings if again is None or each in again]
            if not report.findings:
                return report
            again = set(report.findings)
    if report is None:
        raise InfrastructureFault("files were taken away while they were read: try again")
    return report


class _Audit:
    def __init__(self, reader: Reader, trust: Trust, chain: Chain) -> None:
        self._chain = chain
        self._trust = trust
        self._findings = Findings(reader, trust)
        self._records = Records(self._findings)
        self._checked: set[str] = set()
        self._links: dict[str, str] = {}
        self.is_settled = True
        """Whether the published generation is the newest that it tells of."""

    def report(self, now: datetime, release: str | None) -> Report:
        """Look at everything."""
        published = self._chain.generation(self._findings, None)
        if published is not None:
            self._check_age(published, now)
            self._check_files(published)
        self._check_kept(published)
        self._check_key()
        there = self._findings.reader.paths()
        of = self._records.check_release(release)
        return Report(
            generation=None if published is None else published.stamp,
            release=of,
            files=len(self._checked),
            records=len(self._records),
            past_gate=self._records.past_gate,
            staged=[] if there is None else self._check_strangers(there),
            findings=self._findings.found,
        )

    def _check_age(self, published: Generation, now: datetime) -> None:
        until = published.valid_until
        if until is not None and until < now:
            text = f"clients refuse it since {until:%Y-%m-%d %H:%M} UTC"
            self._findings.note(self._chain.commit_point, "expired", text)

    def _check_kept(self, published: Generation | None) -> None:
        lines = kept.read_lines(self._findings)
        newest = lines[0].generation if lines else None
        if published is not None and newest not in (None, published.stamp):
            self.is_settled = False
            text = f"it says that {newest} is published, not {published.stamp}"
            self._findings.note(kept.INDEX_PATH, "changed", text)
        listings = {}
        later: tuple[kept.Line, Generation] | None = None
        for line in lines:
            self._links |= self._chain.links(line.generation)
            this = self._chain.generation(self._findings, line.generation)
            if later is not None:
                kept.check(self._findings, *later, this)
            later = None if this is None else (line, this)
            if this is not None:
                self._check_files(this)
                listings[line.generation] = hash(frozenset(this.packages))
        if later is not None:
            kept.check(self._findings, *later, None)
        kept.check_rollbacks(self._findings, lines, listings)

    def _check_files(self, generation: Generation) -> None:
        findings = self._findings
        for listed, content in generation.files.items():
            path = listed.file
            if path in self._checked:
                findings.is_as_listed(path, content, "the index")
                continue
            self._checked.add(path)
            findings.reached.add(record_path(path))
            with findings.listed(path, content, "the index") as local:
                if local is not None:
                    digests = self._chain.look_into(findings, self._trust, path, local)
                    self._records.check(path, {"sha256": content.sha256, **digests})

    def _check_key(self) -> None:
        """What clients are told to trust must be what is trusted here."""
        content = self._findings.content(KEY)
        if content is None:
            return
        offered = fingerprints(content)
        strange = offered - self._trust.fingerprints
        if strange:
            text = f"it holds keys that are not in {self._trust.key}: {', '.join(sorted(strange))}"
            self._findings.note(KEY, "changed", text)
        elif not offered:
            self._findings.note(KEY, "damaged", "it holds no public key")

    def _check_strangers(self, there: dict[str, str | None]) -> list[str]:
        """Note what is there and should not be; answers what is staged."""
        findings = self._findings
        for link, target in self._links.items():
            if link not in there:
                findings.note(link, "missing", f"it should lead to {target}")
            elif there[link] != target:
                findings.note(link, "changed", f"it does not lead to {target}")
        unknown = set(there) - findings.reached - set(self._links)
        reader = findings.reader
        # Read after the paths: of what is staged the plan is there first.
        planned = staged(findings, reader.root) if isinstance(reader, Folder) else set()
        for path in sorted(unknown - planned):
            findings.note(path, "stranger", "nothing that is signed leads to it")
        return sorted(unknown & planned)


def _moving(reader: Reader, chain: Chain) -> list[bytes | None]:
    """What changes when something is published or synchronised."""
    contents: list[bytes | None] = []
    for path in (chain.commit_point, kept.INDEX_PATH):
        with reader.file(path, _SMALL) as local:
            if local is None:
                contents.append(None)
                continue
            with local.open("rb") as content:
                contents.append(content.read(_SMALL))
    return contents
