"""The release repository of a branch: staged, signed elsewhere, committed, rolled back.

Everything a generation needs is written first, under names that only it leads to; one rename of
the commit point publishes it. A generation is never changed, and kept for a time: slow clients go
on reading it, operators go back to it.
"""

from __future__ import annotations

import secrets
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from workers import files
from workers.names import identifier
from workers.outcome import BadRequest, InfrastructureFault
from workers.provenance import statement as statements
from workers.provenance.envelope import open_sealed
from workers.provenance.place import ENVELOPE, STATEMENT, record_path
from workers.public_keys import KEY
from workers.repository import signatures
from workers.repository.formats import TEXTS
from workers.repository.generations import (
    INDEX,
    Generation,
    Generations,
    Line,
    index_text,
    moment,
    new_stamp,
    split,
    summary,
    summary_text,
    unneeded,
)
from workers.repository.package import Published, newest, refuse_steps_back
from workers.repository.shelf import Shelf
from workers.repository.table import PLAIN, Edition, Row, Table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from workers.provenance.record import Record
    from workers.repository.formats import RepositoryFormat


@dataclass(frozen=True)
class Plan:
    """A staged generation: all of it but the commit."""

    generation: Generation
    line: Line
    """Its place in the log; the commit point's digest is not known yet."""


_PLAN = TypeAdapter(Plan)


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
        accepted = []
        for name, rows in self.format.read(packages).items():
            edition = self._edition(name, generation.tables.get(name, Table()), {})
            for row, sources in rows:
                self._check(edition, row, sources)
                accepted.append(row.package)
        return accepted

    def stage(self, packages: Path, keep: int, record: Record) -> dict[str, Any]:
        """Prepare the next generation with a folder's packages.

        Of each package the newest ``keep`` versions stay listed; ``record`` tells where they come
        from. The answer's ``to_sign`` is the text to be signed; beside it is the statement on what
        is added, to be signed too. Raises as :meth:`accepts` does.
        """
        with self._locked(), files.full_disk_told(self.root):
            base = self._prepare()
            known: dict[str, bytes] = {}
            editions: dict[str, Edition] = {}
            sources: dict[str, Path] = {}
            for name, rows in self.format.read(packages).items():
                edition = self._edition(name, base.tables.get(name, Table()), known)
                editions[name] = edition
                for row, own in rows:
                    if self._check(edition, row, own):
                        self._enter(edition, row, keep)
                        sources |= own
            tables = self._complete(base, known)
            for name, edition in editions.items():
                tables[name], made = edition.finish()
                known |= made
            return self._write_stage(base, "publish", tables, known, sources, record)

    def stage_refresh(self) -> dict[str, Any]:
        """Prepare a generation that differs from the last in its date; answers as :meth:`stage`."""
        with self._locked(), files.full_disk_told(self.root):
            base = self._prepare()
            known: dict[str, bytes] = {}
            return self._write_stage(base, "refresh", self._complete(base, known), known, {}, None)

    def stage_rollback(self, stamp: str) -> dict[str, Any]:
        """Prepare a generation that lists what an older one listed; answers as :meth:`stage`.

        Raises BadRequest for a generation that is not kept.
        """
        with self._locked(), files.full_disk_told(self.root):
            base = self._prepare()
            for line in self._generations.committed(self._commit()):
                if line.stamp == stamp:
                    tables = self._generations.read(line.commit).tables
                    return self._write_stage(base, f"rollback to {stamp}", tables, {}, {}, None)
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
        since it was staged.
        """
        stage = self._stages / identifier(name)
        with self._locked(), files.full_disk_told(self.root):
            plan = _plan(stage)
            if plan is None:
                raise BadRequest(f"there is no stage {name} in {self.root}")
            before = self._commit()
            if plan.generation.base != before:
                self._discard(stage)
                raise InfrastructureFault("the repository was published meanwhile; stage again")
            new_keys = signatures.new_keys(signed / KEY, self.root / KEY, keys)
            content, others = self._signed(stage / "release" / self.format.text_name, signed)
            self._place_records(stage / "release" / STATEMENT, signed / ENVELOPE)
            for path, stored in self.format.plain_names(plan.generation.tables).items():
                files.link(self.root / stored, self.root / path, scratch=self._scratch)
            commit = files.sha256_of(content)
            line = Line(**{**vars(plan.line), "commit": commit})
            self._generations.write(plan.generation, line)
            point = self.root / self.format.commit_point
            last = point.stat().st_mtime if point.exists() else 0
            if new_keys is not None:
                files.write(self.root / KEY, new_keys, scratch=self._scratch)
            for other, its in others.items():
                files.write(point.with_name(other), its, scratch=self._scratch)
            # Clients ask whether it is newer than what they have, in whole seconds.
            files.write(point, content, scratch=self._scratch, after=last)
            files.settle(point.parent)
            shutil.rmtree(stage)
            self._show(plan.generation)
            self._expire(generations, seconds)
        return summary(plan.generation)

    def generations(self) -> list[dict[str, Any]]:
        """All kept generations, the published one first."""
        lines = self._generations.committed(self._commit())
        return [summary(self._generations.read(line.commit)) for line in lines]

    @property
    def _stages(self) -> Path:
        return self.root / ".stage"

    @property
    def _scratch(self) -> Path:
        return self.root / ".partial"

    @property
    def _generations(self) -> Generations:
        return Generations(self.root, self._scratch)

    def _signed(self, text: Path, signed: Path) -> tuple[bytes, dict[str, bytes]]:
        """The commit point's content, and by their names that of the files beside it."""
        key, content = signed / KEY, text.read_bytes()
        others = {}
        point = self.format.commit_point.rpartition("/")[2]
        if point != text.name:
            # Clients prefer the commit point to the pair, which is never quite of one moment.
            others[text.name] = content
            content = signatures.clear_signed(signed / point, content, key)
        signature = self.format.detached_signature
        others[signature] = signatures.detached(signed / signature, text, key)
        return content, others

    def _place_records(self, staged: Path, sealed: Path) -> None:
        """Publish the signed statement as the record of each file it is about."""
        if not staged.exists():
            return
        payload, key = staged.read_bytes(), sealed.with_name(KEY)
        envelope = signatures.read(sealed)
        if open_sealed(envelope, key) != payload:
            raise BadRequest(f"{sealed} is about something else than what is staged")
        first, *others = (record_path(str(each.name)) for each in statements.read(payload).subject)
        files.write(self.root / first, envelope, scratch=self._scratch)
        for path in others:
            files.link(self.root / first, self.root / path, scratch=self._scratch)

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
        present = self._generations.read(self._commit())
        for stage in self._stages.iterdir() if self._stages.exists() else ():
            plan = _plan(stage)
            if plan is not None and plan.generation.stamp == present.stamp:
                # It was committed: its files are the published ones, and stay.
                shutil.rmtree(stage)
        if present.stamp and not self._summary_path(present.stamp).exists():
            self._show(present)
        return present

    def _complete(self, base: Generation, known: dict[str, bytes]) -> dict[str, Table]:
        """All tables of the format; of a repository never published before they are empty."""
        tables = dict(base.tables)
        for name in (each for each in self.format.layouts if each not in tables):
            tables[name], made = self._edition(name, Table(), known).finish()
            known |= made
        return tables

    def _edition(self, name: str, table: Table, known: dict[str, bytes]) -> Edition:
        """A table to be read; ``known`` holds contents by SHA-256, and gets those read."""
        shelf = Shelf(self.root, self.format, name, known)
        return Edition(table, self.format.layouts[name], shelf)

    def _check(self, edition: Edition, row: Row, sources: dict[str, Path]) -> bool:
        """Refuse a step back; answer whether the package is new."""
        present = [listed.package for listed in edition.rows_of(row.package.name)]
        proposed = sources[row.package.file]

        def is_the_same(published: Published, _proposed: Published) -> bool:
            return self.format.is_the_same(self.root / published.file, published.sha256, proposed)

        refuse_steps_back(present, row.package, self.format.compare, is_the_same)
        # A version that is there already stays as it is: another signing has other bytes.
        known = {(package.key, package.version) for package in present}
        return (row.package.key, row.package.version) not in known

    def _enter(self, edition: Edition, row: Row, keep: int) -> None:
        name = row.package.name
        rows = [*edition.rows_of(name), row]
        kept = newest(rows, lambda each: each.package, self.format.compare, keep)
        edition.put(name, self.format.merge(kept))

    def _write_stage(
        self,
        base: Generation,
        reason: str,
        tables: dict[str, Table],
        known: dict[str, bytes],
        sources: Mapping[str, Path],
        record: Record | None,
    ) -> dict[str, Any]:
        generation, line = self._next(base, reason, tables, known)
        indexes = dict(self._indexes(tables))
        indexes |= {_text_path(sha256): sha256 for sha256 in _texts(tables) - _texts(base.tables)}
        plan = Plan(generation, line)
        name = f"{generation.stamp.lower()}-{secrets.token_hex(3)}"
        stage = self._stages / name
        # The plan comes first: it tells what to take away when this is never committed.
        files.write(stage / "plan.json", _PLAN.dump_json(plan), scratch=self._scratch)
        try:
            for path, source in sources.items():
                files.place(source, self.root / path, scratch=self._scratch)
            for path, sha256 in indexes.items():
                if not (self.root / path).exists():
                    files.write(self.root / path, known[sha256], scratch=self._scratch)
            stamp = generation.stamp
            if record is not None and sources:
                subjects = {path: self.format.digests(of) for path, of in sources.items()}
                statement = statements.make(record, subjects, stamp)
                files.write(stage / "release" / STATEMENT, statement, scratch=self._scratch)
            text = self.format.commit_text(tables, stamp, moment(stamp))
            files.write(stage / "release" / self.format.text_name, text, scratch=self._scratch)
        except BaseException:
            self._discard(stage)
            raise
        to_sign = str(stage / "release" / self.format.text_name)
        return {"stage": name, "to_sign": to_sign, "added": generation.added}

    def _next(
        self,
        base: Generation,
        reason: str,
        tables: dict[str, Table],
        known: dict[str, bytes],
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

    def _discard(self, stage: Path) -> None:
        """Take a stage away with what is there for it and of no use to anybody else."""
        plan = _plan(stage)
        if plan is not None:
            lines = self._generations.committed(self._commit())
            others = [_plan(other) for other in self._stages.iterdir() if other != stage]
            lines += [other.line for other in others if other is not None]
            used = {path for line in lines for path in (*line.added, *line.indexes)}
            for path in {*plan.line.added, *plan.line.indexes} - used:
                files.remove(self.root / path, self.root)
        shutil.rmtree(stage)

    def _show(self, generation: Generation) -> None:
        """Let the published generation be seen under its own name."""
        for name, path in self.format.snapshot(generation.stamp, generation.tables).items():
            files.link(self.root / path, self.root / name, scratch=self._scratch)
        for name, target in self.format.snapshot_links(generation.stamp).items():
            if not (self.root / name).is_symlink():
                (self.root / name).symlink_to(target)
        # Last: where it is missing, all of this is done again.
        files.write(
            self._summary_path(generation.stamp), summary_text(generation), scratch=self._scratch
        )

    def _summary_path(self, stamp: str) -> Path:
        return self.root / "generations" / f"{stamp}.json"

    def _expire(self, generations: int, seconds: float) -> None:
        lines = self._generations.committed(self._commit())
        now = datetime.now(UTC)
        kept, dropped = split(lines, generations=generations, seconds=seconds, now=now)
        if dropped:
            for path in unneeded(kept, dropped):
                files.remove(self.root / path, self.root)
            for line in dropped:
                tables = self._generations.read(line.commit).tables
                links = self.format.snapshot_links(line.stamp)
                for name in (*self.format.snapshot(line.stamp, tables), *links):
                    files.remove(self.root / name, self.root)
                files.remove(self._summary_path(line.stamp), self.root)
            self._generations.forget(kept)
        files.write(self.root / "generations" / INDEX, index_text(kept), scratch=self._scratch)
        for stage in self._stages.iterdir():
            if time.time() - stage.stat().st_mtime >= seconds:
                self._discard(stage)


def _texts(tables: Mapping[str, Table]) -> set[str]:
    return {sha256 for table in tables.values() for sha256 in table.texts}


def _text_path(sha256: str) -> str:
    return f"{TEXTS}/{sha256}"


def _plan(stage: Path) -> Plan | None:
    """What was staged; None if its writer was killed before it said so."""
    try:
        return _PLAN.validate_json((stage / "plan.json").read_bytes())
    except FileNotFoundError:
        return None
