"""The release repository of a branch: staged, signed elsewhere, committed, rolled back.

Everything a generation needs is written first, under names that only it leads to; one rename of
the commit point publishes it. A generation is never changed, and kept for a time: slow clients go
on reading it, operators go back to it.
"""

from __future__ import annotations

import secrets
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workers import files
from workers.outcome import BadRequest, InfrastructureFault
from workers.provenance import statement as statements
from workers.provenance.envelope import open_sealed
from workers.provenance.place import ENVELOPE, STATEMENT, record_path
from workers.public_keys import KEY
from workers.repository import signatures
from workers.repository.admission import (
    Admission,
    Proposal,
    proposals,
    refuse_other_than_built,
)
from workers.repository.edition import Edition
from workers.repository.formats import TEXTS
from workers.repository.generations import (
    INDEX,
    Generation,
    Generations,
    Line,
    described,
    description,
    index_text,
    new_stamp,
    split,
    summary,
    summary_text,
    unneeded,
)
from workers.repository.ledger import Ledger
from workers.repository.package import Published, newest
from workers.repository.shelf import Known, Shelf
from workers.repository.shown import Shown
from workers.repository.signatures import Keyring
from workers.repository.stages import Plan, Stages
from workers.repository.table import PLAIN, Row, Table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from workers.provenance.record import Record
    from workers.repository.formats import RepositoryFormat


@dataclass(frozen=True)
class ReleaseRepository:
    """One repository below ``root``; all writing is done while its lock is held."""

    root: Path
    format: RepositoryFormat

    def accepts(self, packages: Path) -> list[Published]:
        """The packages of a folder, if they could be published now.

        Raises ChangeFault for a version that goes down or changes its bytes.
        """
        generation = self._generations.read(self._commit())
        unpublished = self._stages.unpublished()
        admission = Admission(self.root, self.format, generation.brought, unpublished)
        accepted = []
        for name, proposed in proposals(self.format, packages, self.root).items():
            edition = self._edition(name, generation.tables.get(name, Table()), Known())
            for package in proposed:
                admission.is_new(edition, package)
                accepted.append(package.row.package)
        return accepted

    def stage(
        self, packages: Path, keep: int, record: Record, keys: Collection[str]
    ) -> dict[str, Any]:
        """Prepare the next generation with a folder's packages.

        Of each package the newest ``keep`` versions stay listed; ``record`` tells where they come
        from. Those of a format that has signatures come with the public key, whose fingerprint is
        among ``keys``. The answer's ``to_sign`` is the text to be signed; beside it is the
        statement on what is added, to be signed too. Raises as :meth:`accepts` does, and BadRequest
        for a package that is not as it was built, or not signed by such a key.
        """
        with self._locked(), files.full_disk_told(self.root):
            base = self._prepare()
            by_table = proposals(self.format, packages, self.root)
            self._make_room(package for proposed in by_table.values() for package in proposed)
            admission = Admission(self.root, self.format, base.brought, frozenset())
            known = Known()
            tables, new = dict(base.tables), list[Proposal]()
            editions = {}
            for name, proposed in by_table.items():
                edition = self._edition(name, base.tables.get(name, Table()), known)
                for package in proposed:
                    refuse_other_than_built(package, record.built)
                    if admission.is_new(edition, package):
                        self._enter(edition, package.row, keep)
                        new.append(package)
                editions[name] = edition
            signed = [path for package in new for path in package.sources.values()]
            # Signatures are checked by another program, while indexes are written here.
            with ThreadPoolExecutor() as threads:
                checked = threads.submit(self._refuse_unsigned, signed, packages / KEY, keys)
                for name, edition in editions.items():
                    tables[name], made = edition.finish()
                    known.contents.update(made)
                checked.result()
            return self._write_stage(base, "publish", tables, known, new, record)

    def stage_refresh(self) -> dict[str, Any]:
        """Prepare a generation that differs from the last in its date; answers as :meth:`stage`."""
        with self._locked(), files.full_disk_told(self.root):
            base = self._prepare()
            return self._write_stage(base, "refresh", base.tables, Known(), [], None)

    def stage_rollback(self, stamp: str) -> dict[str, Any]:
        """Prepare a generation that lists what an older one listed; answers as :meth:`stage`.

        Raises BadRequest for a generation that is not kept.
        """
        with self._locked(), files.full_disk_told(self.root):
            base = self._prepare()
            for line in self._generations.committed(self._commit()):
                if line.stamp == stamp:
                    tables = self._generations.read(line.commit).tables
                    return self._write_stage(
                        base, f"rollback to {stamp}", tables, Known(), [], None
                    )
        kept = ", ".join(line.stamp for line in self._generations.committed(self._commit()))
        raise BadRequest(f"generation {stamp!a} is not kept; there are {kept or 'none'}")

    def commit(
        self,
        name: str,
        signed: Path,
        *,
        keys: Collection[str],
        generations: int,
        seconds: float,
    ) -> dict[str, Any]:
        """Make a staged generation the published one; ``signed`` is the folder with its signatures.

        With these come the public keys that clients find in the repository from then on; their
        fingerprints are among ``keys``. The newest ``generations`` stay, and those replaced less
        than ``seconds`` ago. Raises BadRequest for another key, and for a signature that is not by
        one of them over the staged text; InfrastructureFault when another generation was committed
        since it was staged, or another stage took its place.
        """
        with self._locked(), files.full_disk_told(self.root):
            stages = self._stages
            stage = stages.folder(name)
            plan = stages.plan(stage)
            if plan is None:
                # Discarded for its age, or for another that brought the same path.
                raise InfrastructureFault(f"{self.root} has no stage {name} any more; stage again")
            before = self._commit()
            if plan.line.base != before:
                stages.discard(stage)
                raise InfrastructureFault("the repository was published meanwhile; stage again")
            new_keys = signatures.new_keys(signed / KEY, self.root / KEY, keys)
            keyring = Keyring.of(signed / KEY)
            text = stage / "release" / self.format.text_name
            content, others = self._signed(text, signed, keyring)
            generation = described(stages.generation(stage))
            commit, tables = files.sha256_of(content), generation.tables
            point = self.root / self.format.commit_point
            with files.together(self._scratch) as made:
                staged, sealed = text.with_name(STATEMENT), signed / ENVELOPE
                self._place_records(staged, sealed, keyring, made)
                for other, its in others.items():
                    after = _modified(point.with_name(other))
                    self._generations.keep_beside(commit, other, its, made, after=after)
                line = replace(plan.line, commit=commit)
                self._generations.write(stages.generation(stage), line, made)
            # One after the other in no time, the commit point last: clients that do not ask by
            # hash, or for the pair beside it, may see a mixture meanwhile.
            with files.together(self._scratch) as made:
                for live, path in self._shown.outdated(commit, tables).items():
                    if path is not None:
                        made.link(self.root / path, self.root / live)
                if new_keys is not None:
                    made.write(self.root / KEY, new_keys)
                # Clients ask whether it is newer than what they have, in whole seconds.
                made.write(point, content, after=_modified(point))
            self._finish(commit, generation)
            shutil.rmtree(stage)
            self._expire(generations, seconds)
        return summary(generation)

    def generations(self) -> list[dict[str, Any]]:
        """All kept generations, the published one first."""
        lines = self._generations.committed(self._commit())
        return [summary(self._generations.read(line.commit)) for line in lines]

    @property
    def _stages(self) -> Stages:
        return Stages(self.root, lambda: self._generations.committed(self._commit()))

    @property
    def _scratch(self) -> Path:
        return self.root / ".partial"

    @property
    def _generations(self) -> Generations:
        return Generations(self.root, self._scratch)

    @property
    def _shown(self) -> Shown:
        return Shown(self.root, self.format, self._generations, self._scratch)

    def _refuse_unsigned(self, signed: Sequence[Path], key: Path, keys: Collection[str]) -> None:
        if signed:
            self.format.refuse_unsigned(signed, key, keys, self.root)

    def _signed(self, text: Path, signed: Path, keyring: Keyring) -> tuple[bytes, dict[str, bytes]]:
        """The commit point's content, and by their names that of the files beside it."""
        content, others = text.read_bytes(), {}
        point = self.format.commit_point.rpartition("/")[2]
        if point != text.name:
            # Clients prefer the commit point to the pair, which is never quite of one moment.
            others[text.name] = content
            content = signatures.clear_signed(signed / point, content, keyring)
        signature = self.format.detached_signature
        others[signature] = signatures.detached(signed / signature, text, keyring)
        return content, others

    def _place_records(
        self, staged: Path, sealed: Path, keyring: Keyring, made: files.Together
    ) -> None:
        """Publish the signed statement as the record of each file it is about."""
        if not staged.exists():
            return
        payload = staged.read_bytes()
        envelope = signatures.read(sealed)
        if open_sealed(envelope, keyring) != payload:
            raise BadRequest(f"{sealed} is about something else than what is staged")
        first, *others = (record_path(str(each.name)) for each in statements.read(payload).subject)
        made.write(self.root / first, envelope)
        for path in others:
            made.link(self.root / first, self.root / path)

    def _locked(self) -> Any:
        return files.lock(self.root / ".lock")

    def _commit(self) -> str | None:
        """What the commit point is now."""
        point = self.root / self.format.commit_point
        return files.sha256(point) if point.exists() else None

    def _prepare(self) -> Generation:
        """Clear what a killed writer left, finish what it had committed; the present generation."""
        if self._scratch.exists():
            shutil.rmtree(self._scratch)
        commit = self._commit()
        present = self._generations.read(commit)
        if commit is not None:
            self._shown.set(commit, present.tables)
            if not self._summary_path(present.stamp).exists():
                self._finish(commit, present)
        return present

    def _complete(self, tables: Mapping[str, Table], known: Known) -> dict[str, Table]:
        """All tables of the format, encoded as it has them; those never written are empty."""
        complete = dict(tables)
        for name in self.format.layouts:
            table = tables.get(name, Table())
            if not table.is_encoded_for(self.format.layouts[name]):
                complete[name], made = self._edition(name, table, known).finish()
                known.contents.update(made)
        return complete

    def _edition(self, name: str, table: Table, known: Known) -> Edition:
        """A table to be read; ``known`` is what was read already, and gets what is read."""
        shelf = Shelf(self.root, self.format, name, known.contents)
        return Edition(table, self.format.layouts[name], shelf, known.rows)

    def _enter(self, edition: Edition, row: Row, keep: int) -> None:
        name = row.package.name
        rows = [*edition.rows_of(name), row]
        kept = newest(rows, lambda each: each.package, self.format.compare, keep)
        edition.put(name, self.format.merge(kept))

    def _write_stage(
        self,
        base: Generation,
        reason: str,
        listed: Mapping[str, Table],
        known: Known,
        new: Sequence[Proposal],
        record: Record | None,
    ) -> dict[str, Any]:
        tables = self._complete(listed, known)
        generation, line = self._next(base, reason, tables, known)
        generation = replace(generation, brought=[package.entry for package in new])
        indexes = dict(self._indexes(tables))
        indexes |= {_text_path(sha256): sha256 for sha256 in _texts(tables) - _texts(base.tables)}
        sources = {path: source for p in new for path, source in p.sources.items()}
        needed = {*line.added, *indexes}
        missing = {path for path in needed if not (self.root / path).exists()}
        placed = missing | needed & self._stages.unpublished()
        stamp = generation.stamp
        name = f"{stamp.lower()}-{secrets.token_hex(3)}"
        stage = self._stages.folder(name)
        to_sign = stage / "release" / self.format.text_name
        try:
            with files.together(self._scratch) as made:
                plan = Plan(line, sorted(placed))
                self._stages.write(stage, plan, description(generation), made)
                for path in sorted(missing & set(sources)):
                    made.copy(sources[path], self.root / path)
                for path in sorted(missing & set(indexes)):
                    made.write(self.root / path, known.contents[indexes[path]])
                if record is not None and new:
                    subjects = {path: of for p in new for path, of in p.digests.items()}
                    statement = statements.make(record, subjects, stamp)
                    made.write(to_sign.with_name(STATEMENT), statement)
                text = self.format.commit_text(tables, stamp, datetime.now(UTC))
                made.write(to_sign, text)
        except BaseException:
            self._stages.discard(stage)
            raise
        return {"stage": name, "to_sign": str(to_sign), "added": generation.added}

    def _next(
        self,
        base: Generation,
        reason: str,
        tables: dict[str, Table],
        known: Known,
    ) -> tuple[Generation, Line]:
        added: list[Row] = []
        removed: list[Row] = []
        needed = {_text_path(sha256) for sha256 in _texts(tables) - _texts(base.tables)}
        gone = {_text_path(sha256) for sha256 in _texts(base.tables) - _texts(tables)}
        for name, table in tables.items():
            old = self._edition(name, base.tables.get(name, Table()), known)
            new = self._edition(name, table, known)
            came, went = old.difference(new)
            added += came
            removed += went
            for package in {row.package.name for row in (*came, *went)}:
                before = {path for row in old.rows_of(package) for path in row.files}
                after = {path for row in new.rows_of(package) for path in row.files}
                for path in after - before:
                    needed |= {path, record_path(path)}
                for path in before - after:
                    gone |= {path, record_path(path)}
        stamp = new_stamp(base.stamp or None)
        commit = self._commit()
        generation = Generation(
            stamp=stamp,
            base=commit,
            reason=reason,
            tables=tables,
            added=[row.package.words() for row in added],
            removed=[row.package.words() for row in removed],
        )
        indexes = [path for path, _ in self._indexes(tables)]
        return generation, Line(stamp, "", commit, indexes, sorted(needed), sorted(gone), reason)

    def _indexes(self, tables: dict[str, Table]) -> Iterator[tuple[str, str]]:
        """Where each index file belongs, and its SHA-256."""
        for name, table in tables.items():
            for column, of_column in table.files.items():
                for encoding, stored in of_column.items():
                    if encoding == PLAIN:
                        continue
                    path = self.format.index_path(name, column, encoding, stored.sha256)
                    yield path, stored.sha256

    def _make_room(self, proposed: Iterable[Proposal]) -> None:
        """Discard stages whose files are in the way: what was never committed was not published."""
        stages = self._stages
        differing = {path for package in proposed for path in package.differing(self.root)}
        stages.discard_those_with(differing & stages.unpublished())

    def _finish(self, commit: str, generation: Generation) -> None:
        """Do what is to be done once a generation is committed; all of it may be done again."""
        self._shown.set(commit, generation.tables)
        with files.together(self._scratch) as made:
            self._shown.show(commit, generation, made)
            Ledger(self.root).enter(generation.brought, made)
            made.write(self._index_path, index_text(self._generations.committed(commit)))
            # Last: where it is missing, all of this is done again.
            made.write(self._summary_path(generation.stamp), summary_text(generation))

    @property
    def _index_path(self) -> Path:
        return self.root / "generations" / INDEX

    def _summary_path(self, stamp: str) -> Path:
        return self.root / "generations" / f"{stamp}.json"

    def _expire(self, generations: int, seconds: float) -> None:
        # First: what others took over from a stage is known as long as they are not forgotten.
        self._stages.discard_old(seconds)
        lines = self._generations.committed(self._commit())
        now = datetime.now(UTC)
        kept, dropped = split(lines, generations=generations, seconds=seconds, now=now)
        if dropped:
            files.write(self._index_path, index_text(kept), scratch=self._scratch)
            for path in unneeded(kept, dropped):
                files.remove(self.root / path, self.root)
            for line in dropped:
                self._shown.hide(line.stamp)
                files.remove(self._summary_path(line.stamp), self.root)
            # Last: what is not forgotten is dropped again.
            self._generations.forget(kept)


def _texts(tables: Mapping[str, Table]) -> set[str]:
    return {sha256 for table in tables.values() for sha256 in table.texts}


def _text_path(sha256: str) -> str:
    return f"{TEXTS}/{sha256}"


def _modified(path: Path) -> float:
    """When a file was modified, in seconds since 1970; 0 if there is none."""
    return path.stat().st_mtime if path.exists() else 0
