"""Whether a package may be published: nothing goes back, and nothing published ever changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers import files
from workers.outcome import BadRequest, ChangeFault
from workers.repository.ledger import Entry, Ledger
from workers.repository.package import SHA256, identity, refuse_steps_back

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set
    from pathlib import Path

    from workers.repository.edition import Edition
    from workers.repository.formats import RepositoryFormat
    from workers.repository.table import Row


@dataclass(frozen=True)
class Proposal:
    """A package that shall be published."""

    row: Row
    sources: Mapping[str, Path]
    """Where its files are now, by their paths in the repository."""
    digests: Mapping[str, Mapping[str, str]]
    """Of the same files."""

    @property
    def entry(self) -> Entry:
        """What is entered into the ledger when it is published."""
        package = self.row.package
        known_by = identity(self.digests[package.file])
        return Entry(package.name, package.version, package.architecture, known_by)

    def differing(self, root: Path) -> list[str]:
        """Paths of its files where the repository at ``root`` has other content."""
        return [
            path
            for path, digests in sorted(self.digests.items())
            if (root / path).exists() and files.sha256(root / path) != digests[SHA256]
        ]


def proposals(format_: RepositoryFormat, folder: Path, root: Path) -> dict[str, list[Proposal]]:
    """The packages of a folder by table; see :meth:`RepositoryFormat.read`."""
    read = format_.read(folder, root)
    paths = {path for rows in read.values() for _, own in rows for path in own.values()}
    digests = format_.digests(sorted(paths))
    return {
        table: [
            Proposal(row, own, {name: digests[path] for name, path in own.items()})
            for row, own in rows
        ]
        for table, rows in read.items()
    }


@dataclass(frozen=True)
class Admission:
    """Judges what is proposed to a repository."""

    root: Path
    format: RepositoryFormat
    brought: Sequence[Entry]
    """By the published generation: it may not be in the ledger yet."""
    unpublished: Set[str]
    """Paths of files that are there for generations that were never committed."""

    def is_new(self, edition: Edition, proposed: Proposal) -> bool:
        """Whether a package is not listed yet; one that is listed stays as it is.

        Raises ChangeFault for a version that goes down, or comes with other content.
        """
        package = proposed.row.package
        present = [listed.package for listed in edition.rows_of(package.name)]
        refuse_steps_back(present, package, self.format.compare)
        self._refuse_other_content(proposed.entry)
        for path in proposed.differing(self.root):
            if path not in self.unpublished:
                raise ChangeFault(
                    f"{path.rpartition('/')[2]} is already published with other content; raise "
                    "the version (the upstream version, when it is an upstream archive)"
                )
        version = (package.version, package.architecture)
        return version not in {(listed.version, listed.architecture) for listed in present}

    def _refuse_other_content(self, proposed: Entry) -> None:
        for known in (*Ledger(self.root).of(proposed.name), *self.brought):
            if (
                (known.name, known.architecture) == (proposed.name, proposed.architecture)
                and self.format.compare(known.version, proposed.version) == 0
                and known.identity != proposed.identity
            ):
                raise ChangeFault(
                    f"{proposed.name} {proposed.version} is already published with other content "
                    "(a published version never changes); raise the version",
                    f"published: {known.identity}\nproposed:  {proposed.identity}",
                )


def refuse_other_than_built(proposed: Proposal, built: Mapping[str, Mapping[str, str]]) -> None:
    """Check that each file of a package is the one that was built and tested.

    ``built`` has the digests of what the build made, by name. Raises BadRequest for another.
    """
    for path, digests in proposed.digests.items():
        name = path.rpartition("/")[2]
        if name not in built:
            raise BadRequest(f"{name} is none of the files that the build made")
        if identity(built[name]) != identity(digests):
            raise BadRequest(
                f"{name} is not the file of that name that the build made",
                f"built:    {identity(built[name])}\nproposed: {identity(digests)}",
            )
