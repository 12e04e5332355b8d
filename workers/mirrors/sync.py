"""Bringing one mirror to what the repository has published, as one transaction.

Everything the next generation refers to is sent first, under names no client asks for yet, or that
lead to what they led to before; files the mirror has under another name are linked. It is looked
at as a client would. Then the commit point is sent, alone, and rsync renames it into place. A
client of the mirror sees the old generation or the new one. What the repository no longer has is
deleted after that; it keeps that for slow clients itself.

What a mirror has is remembered from one sync to the next, so that a sync costs what has changed.
The memory is believed only when the mirror serves the commit point that belongs to it.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tenacity

from workers import files
from workers.mirrors.listing import Entry, list_repository, to_remove, to_send
from workers.mirrors.manifest import Manifest, Memory
from workers.mirrors.rsync import NotYet, Rsync
from workers.outcome import BadRequest, InfrastructureFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from workers.mirrors.served import Served
    from workers.mirrors.target import Target

_ATTEMPTS = 5
_COMMIT_POINTS = {"deb": "dists/*/InRelease", "rpm": "repodata/repomd.xml"}
_HIDDEN = ".*"
_PACKAGES = (".deb", ".rpm", ".dsc")
# For clients of a mirror that lagged so far behind that the repository has forgotten what it
# served; as long as the slowest of them takes.
_PATIENCE_SECONDS = 24 * 3600.0


@dataclass(frozen=True)
class Mirror:
    """Where a mirror is written and where its clients read."""

    target: Target
    served: Served


@dataclass(frozen=True)
class _Commit:
    """A commit point as it was when the sync began."""

    content: bytes
    mtime_ns: int

    @property
    def digest(self) -> str:
        return files.sha256_of(self.content)


def sync(
    package_format: Literal["deb", "rpm"], repository: Path, mirror: Mirror, *, full: bool = False
) -> dict[str, Any]:
    """Bring a mirror to the published generation and see that it serves it.

    With ``full`` what is known of the mirror counts for nothing: all of it is compared. Raises
    InfrastructureFault when the mirror cannot be reached or serves something else.
    """
    began = time.monotonic()
    if not repository.is_dir():
        raise BadRequest(f"there is no repository {repository}")
    rsync = Rsync(mirror.target, repository)
    folder, name = repository / ".mirrors", _memory_name(mirror.target)
    with files.lock(folder / f"{name}.lock"):
        commit_points = _COMMIT_POINTS[package_format]
        transaction = _Transaction(
            repository, commit_points, mirror.served, rsync, Memory(folder, name), full
        )
        attempts = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=tenacity.wait_exponential(multiplier=0.5, max=20),
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
    return {
        "mirror": mirror.served.url,
        "added": sorted(rsync.added),
        "removed": sorted(rsync.removed),
        "bytes_sent": rsync.sent,
        "bytes_received": rsync.received,
        "sessions": rsync.sessions,
        "attempts": attempts.statistics["attempt_number"],
        "full": transaction.was_full,
        "seconds": round(time.monotonic() - began, 3),
    }


@dataclass
class _Transaction:
    repository: Path
    commit_points: str
    served: Served
    rsync: Rsync
    memory: Memory
    full: bool
    """Whether what is known of the mirror shall count for nothing, until all was compared."""
    was_full: bool = False

    def run(self) -> None:
        """One attempt."""
        # Read first: what is published from now on is for the next sync.
        commits = self._commits()
        if not commits:
            return  # nothing has been published yet
        listing = list_repository(self.repository)
        for path in commits:
            listing.pop(path, None)
        identities = {path: entry.identity for path, entry in listing.items()}
        digests = {path: commit.digest for path, commit in commits.items()}
        known = self.memory.load()
        before = {path: self.served.digest(path) for path in {*commits, *known.commits}}
        if self.full or not known.describes(before):
            known = self._compare(known, identities, commits)
            served = {path: digest for path, digest in before.items() if digest is not None}
            known = replace(known, commits=served)
        elif known == Manifest(digests, sure=identities):
            return
        else:
            known = self._bring(known, listing)
        gone = sorted({*known.sure, *known.maybe} - set(listing))
        known = replace(known, next=digests, sure=identities, maybe=gone)
        if before != digests:
            if self._lags(before.values()):
                known = replace(known, remove_after=time.time() + _PATIENCE_SECONDS)
            self.memory.keep(known)
            self._switch(commits)
        known = replace(known, commits=digests, next={})
        self.memory.keep(known)
        if time.time() >= known.remove_after:
            self._remove(listing, gone)
            self.memory.keep(Manifest(digests, sure=identities))

    def _commits(self) -> dict[str, _Commit]:
        found = {}
        for path in sorted(self.repository.glob(self.commit_points)):
            with path.open("rb") as file:
                commit = _Commit(file.read(), os.fstat(file.fileno()).st_mtime_ns)
            found[str(path.relative_to(self.repository))] = commit
        return found

    def _compare(
        self, known: Manifest, identities: Mapping[str, str], commits: Iterable[str]
    ) -> Manifest:
        """Send all but the commit points, whatever is there; what is known then."""
        self.was_full = True
        forgotten = Manifest(remove_after=known.remove_after)
        self.memory.keep(forgotten)
        excluded = [_HIDDEN, *(f"/{path}" for path in commits)]
        self.rsync.send_all(excluded)
        self.served.must_have(self.repository, sorted(identities))
        strangers = self.rsync.strangers(excluded)
        self.full = False
        return replace(forgotten, maybe=strangers)

    def _bring(self, known: Manifest, listing: Mapping[str, Entry]) -> Manifest:
        """Send what is not known to be there but for the commit points; what is known then."""
        new = [path for path, entry in listing.items() if known.sure.get(path) != entry.identity]
        if new:
            # Should this not end, what it may have brought is not forgotten.
            sure = {path: known.sure[path] for path in set(known.sure) - set(new)}
            maybe = sorted({*known.maybe, *new})
            self.memory.keep(replace(known, sure=sure, maybe=maybe))
            self.rsync.send(to_send(listing, known.sure))
            self.served.must_have(self.repository, sorted(new))
        # Also what a sync had sent that did not end.
        fresh = (path for path in new if path not in known.sure)
        self.rsync.added.update(path for path in fresh if path.endswith(_PACKAGES))
        return known

    def _lags(self, served: Iterable[str | None]) -> bool:
        """Whether the mirror served a generation of which files may be missing here."""
        generations = self.repository / ".generations"
        return any(
            digest is not None and not (generations / f"{digest}.json").exists()
            for digest in served
        )

    def _switch(self, commits: Mapping[str, _Commit]) -> None:
        """Send the commit points; the mirror must serve them then."""
        with tempfile.TemporaryDirectory() as folder:
            for path, commit in commits.items():
                files.write(Path(folder) / path, commit.content)
                # Later than that before it, by whole seconds: clients ask for what is newer.
                os.utime(Path(folder) / path, ns=(commit.mtime_ns, commit.mtime_ns))
            Path(folder).chmod(0o755)
            self.rsync.send_from(Path(folder))
        self.served.must_serve({path: commit.content for path, commit in commits.items()})

    def _remove(self, listing: Mapping[str, Entry], gone: Iterable[str]) -> None:
        """Take away what the repository has no more."""
        paths = to_remove(listing, gone)
        # Something may have come back since the listing was made.
        paths = [path for path in paths if not (self.repository / path).exists()]
        if paths:
            self.rsync.remove(paths)


def _memory_name(target: Target) -> str:
    """One for each target, that a person can tell by."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", target.address)[:100]
    return f"{readable}-{files.sha256_of(target.address.encode())[:8]}"
