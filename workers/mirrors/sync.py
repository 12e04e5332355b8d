"""Bringing one mirror to what the repository has published, as one transaction.

Everything the next generation refers to is sent first, under names no client asks for yet; files
the mirror has under another name are linked. It is looked at as a client would. Then every name
whose content changes gets its new content, the commit point among them, by links that the mirror
makes itself (see :mod:`workers.mirrors.stage`). A client of the mirror sees the old generation or
the new one. What the repository no longer has is deleted after that; it keeps that for slow
clients itself.

What a mirror has is remembered from one sync to the next, so that a sync costs what has changed.
The memory is believed only when the mirror serves the commit point that belongs to it.
"""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import tenacity

from workers import files
from workers.mirrors import report
from workers.mirrors.listing import Offer, to_remove, to_send
from workers.mirrors.manifest import Manifest, Memory
from workers.mirrors.rsync import NotYet, Rsync
from workers.mirrors.stage import Stage, staged
from workers.outcome import BadRequest, InfrastructureFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from workers.mirrors.listing import Entry
    from workers.mirrors.served import Served
    from workers.mirrors.target import Target

# One that is down gives its place to others soon: the next sync tries again.
_ATTEMPTS = 3
# For clients of a mirror that lagged so far behind that the repository has forgotten what it
# served; as long as the slowest of them takes.
_PATIENCE_SECONDS = 24 * 3600.0


@dataclass(frozen=True)
class Mirror:
    """Where a mirror is written and where its clients read."""

    target: Target
    served: Served


def sync(
    repository: Path, mirror: Mirror, *, full: bool = False, report_to: Path | None = None
) -> dict[str, Any]:
    """Bring a mirror to the published generation and see that it serves it.

    With ``full`` what is known of the mirror counts for nothing, nor do times and sizes: every
    byte is compared. Which packages came and went is written to the folder ``report_to``. Raises
    InfrastructureFault when the mirror cannot be reached or serves something else.
    """
    began = time.monotonic()
    if not repository.is_dir():
        raise BadRequest(f"there is no repository {repository}")
    rsync = Rsync(mirror.target, repository)
    folder, name = repository / ".mirrors", _memory_name(mirror.target)
    with files.lock(folder / f"{name}.lock"):
        transaction = _Transaction(
            repository, folder / f"{name}.stage", mirror.served, rsync, Memory(folder, name), full
        )
        attempts = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=tenacity.wait_exponential(multiplier=0.5),
            retry=tenacity.retry_if_exception_type(NotYet),
            reraise=True,
        )
        try:
            attempts(transaction.run)
        except NotYet as error:
            raise InfrastructureFault(f"mirror {mirror.served.url}: {error}") from error
        except InfrastructureFault as error:
            reason = f"mirror {mirror.served.url}: {error}"
            raise InfrastructureFault(reason, error.detail) from error
        seen = report.difference(repository, transaction.before or {}, transaction.now)
    cost = {
        "mirror": mirror.served.url,
        "files_sent": rsync.files_sent,
        "files_removed": rsync.files_removed,
        "bytes_sent": rsync.sent,
        "bytes_received": rsync.received,
        "bytes_read": mirror.served.read,
        "sessions": rsync.sessions,
        "attempts": attempts.statistics["attempt_number"],
        "full": transaction.was_full,
        "seconds": round(time.monotonic() - began, 3),
    }
    sys.stderr.write(report.text(seen, cost))
    if report_to is not None:
        report.write(report_to, seen, cost)
    return {**seen.counts(), **cost}


@dataclass
class _Transaction:
    repository: Path
    place: Path
    """For the stage."""
    served: Served
    rsync: Rsync
    memory: Memory
    full: bool
    """Whether what is known of the mirror shall count for nothing, until all was compared."""
    was_full: bool = False
    before: dict[str, str] | None = None
    """SHA-256 of the commit points that clients saw when the last sync had ended, by path."""
    now: dict[str, str] = field(default_factory=dict)
    """The same of those they see in the end."""

    def run(self) -> None:
        """One attempt."""
        with staged(self.repository, self.place) as stage:
            # First: what is published from now on is for the next sync.
            offer = stage.offer()
            if offer.commits:  # otherwise nothing has been published yet
                self._follow(stage, offer)

    def _follow(self, stage: Stage, offer: Offer) -> None:
        identities = _identities(offer.listing)
        wanted = Manifest(offer.commits, sure=identities)
        known = self.memory.load()
        served = {path: self.served.digest(path) for path in {*offer.commits, *known.commits}}
        remembered = known.describes(served)
        there = {path: digest for path, digest in served.items() if digest is not None}
        if self.before is None:
            self.before = known.commits if remembered else there
        self.now = offer.commits
        if self.full or not remembered:
            known = self._compare(stage, offer, known.remove_after)
            known = replace(known, commits=there)
        elif known == wanted:
            return
        else:
            known = self._bring(stage, offer, known)
        gone = sorted({*known.sure, *known.maybe} - set(identities))
        if switched := [p for p in offer.changing if known.sure.get(p) != identities[p]]:
            known = replace(known, next=offer.commits)
            if self._lags(there.values()):
                known = replace(known, remove_after=time.time() + _PATIENCE_SECONDS)
            self.memory.keep(known)
            self._switch(stage, offer, switched)
            self.memory.keep(replace(known, sure=identities, maybe=gone))
        if time.time() < known.remove_after:
            wanted = replace(wanted, maybe=gone, remove_after=known.remove_after)
        else:
            self._remove(offer, gone)
        self.memory.keep(wanted)

    def _compare(self, stage: Stage, offer: Offer, remove_after: float) -> Manifest:
        """Bring all but what is switched, whatever is there; what is known then."""
        self.was_full = True
        forgotten = Manifest(remove_after=remove_after)
        self.memory.keep(forgotten)
        stage.bring(offer.coming)
        self.rsync.send(stage.coming, compare=self.full)
        self.served.must_have(self._seen(stage, offer.fixed))
        strangers = self.rsync.strangers(stage.coming)
        self.full = False
        return replace(forgotten, sure=_identities(offer.coming), maybe=strangers)

    def _bring(self, stage: Stage, offer: Offer, known: Manifest) -> Manifest:
        """Bring what is not known to be there, but for what is switched; what is known then."""
        new = {p for p, entry in offer.listing.items() if known.sure.get(p) != entry.identity}
        # Should this not end, what it may have brought is not forgotten.
        sure = {path: known.sure[path] for path in known.sure.keys() - new}
        known = replace(known, sure=sure, maybe=sorted({*known.maybe, *new}))
        self.memory.keep(known)
        if paths := to_send(offer.coming, sure):
            stage.bring(paths)
            self.rsync.send(stage.coming)
            self.served.must_have(self._seen(stage, new & set(offer.fixed)))
        return replace(known, sure={**sure, **_identities(offer.coming)})

    def _seen(self, stage: Stage, paths: Iterable[str]) -> dict[str, Path]:
        """The files that clients can ask for when those paths were brought, by path."""
        found = {}
        for path in paths:
            own = stage.coming / path
            if own.is_symlink():
                # A package through it: daemons without chroot change links unless told not to.
                behind = (file for file in (self.repository / path).rglob("*") if file.is_file())
                found.update({str(f.relative_to(self.repository)): f for f in islice(behind, 1)})
            elif own.exists():  # it has not expired meanwhile
                found[path] = own
        return found

    def _lags(self, served: Iterable[str]) -> bool:
        """Whether the mirror served a generation of which files may be missing here."""
        generations = self.repository / ".generations"
        return any(not (generations / f"{digest}.json").exists() for digest in served)

    def _switch(self, stage: Stage, offer: Offer, paths: Sequence[str]) -> None:
        """Let clients see what was brought; the mirror must serve it then."""
        stage.turn(paths)
        self.rsync.send(stage.switch)
        commits = {path: (stage.changing / path).read_bytes() for path in offer.commits}
        self.served.must_serve(commits)
        self.served.must_have({path: stage.changing / path for path in set(paths) - set(commits)})

    def _remove(self, offer: Offer, gone: Iterable[str]) -> None:
        """Take away what the repository has no more."""
        paths = to_remove(offer.listing, gone)
        # Something may have come back since the listing was made.
        paths = [path for path in paths if not (self.repository / path).exists()]
        if paths:
            self.rsync.remove(paths)


def _identities(listing: Mapping[str, Entry]) -> dict[str, str]:
    return {path: entry.identity for path, entry in listing.items()}


def _memory_name(target: Target) -> str:
    """One for each target, that a person can tell by."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", target.address)[:100]
    return f"{readable}-{files.sha256_of(target.address.encode())[:8]}"
