"""What a sync changed for a mirror's clients: the packages that came and went."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workers import files
from workers.mirrors.kinds import is_package
from workers.provenance.apt_chain import AptChain
from workers.provenance.findings import Findings
from workers.provenance.readers import Folder
from workers.provenance.rpm_chain import RpmChain
from workers.provenance.trust import NoTrust
from workers.repository.generations import Generation, Generations

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from workers.repository.package import Published

Words = dict[str, str]
"""A package: name, version, architecture, file, sha256."""

NAME = "sync"
"""Of the report's files, without suffix."""


@dataclass(frozen=True)
class Difference:
    """What clients of a mirror see, and no longer see, since they saw another generation."""

    before: str | None = None
    """Name of the generation they saw; None: none that the repository still knows."""
    after: str | None = None
    """Name of the one they see; None if nothing has been published yet."""
    added: list[Words] = field(default_factory=list)
    removed: list[Words] = field(default_factory=list)

    def counts(self) -> dict[str, Any]:
        """The same, however much there is."""
        return {
            "from": self.before,
            "to": self.after,
            "packages_added": len(self.added),
            "packages_removed": len(self.removed),
        }


def difference(repository: Path, before: Mapping[str, str], after: Mapping[str, str]) -> Difference:
    """What lies between two states of a mirror, each the SHA-256 of its commit points by path."""
    generations = Generations(repository, repository / ".partial")
    found = Difference()
    for point, commit in after.items():
        now = generations.read(commit)
        steps = _steps(generations, before.get(point), commit)
        if steps is None:
            came = [package.words() for package in _listed(repository, point, now.stamp)]
            own = Difference(None, now.stamp, came)
        else:
            then = generations.read(before[point])
            own = Difference(then.stamp, now.stamp, *between(steps))
        found = Difference(
            own.before, own.after, found.added + own.added, found.removed + own.removed
        )
    return found


def between(steps: Iterable[Generation]) -> tuple[list[Words], list[Words]]:
    """Packages that a row of generations, oldest first, added and removed taken together. Pure."""
    added: dict[str, Words] = {}
    removed: dict[str, Words] = {}
    for step in steps:
        _move(step.removed, added, removed)
        _move(step.added, removed, added)
    return _sorted(added), _sorted(removed)


def text(seen: Difference, cost: Mapping[str, Any]) -> str:
    """The same for people. Pure."""
    cost_line = (
        f"{cost['files_sent']} files sent, {cost['files_removed']} removed: "
        f"{cost['bytes_sent']} bytes in {cost['sessions']} sessions; "
        f"{cost['bytes_read']} bytes read over HTTP"
    )
    lines = [
        f"mirror  {cost['mirror']}",
        f"from    {seen.before or 'nothing that is still known'}",
        f"to      {seen.after or 'nothing: nothing has been published yet'}",
        *(f"+ {_name(package)}" for package in seen.added),
        *(f"- {_name(package)}" for package in seen.removed),
        cost_line,
    ]
    return "".join(f"{line}\n" for line in lines)


def write(folder: Path, seen: Difference, cost: Mapping[str, Any]) -> None:
    """Leave both in a folder, for programs and for people."""
    told = {**seen.counts(), **cost, "added": seen.added, "removed": seen.removed}
    files.write(folder / f"{NAME}.json", json.dumps(told, indent=1).encode())
    files.write(folder / f"{NAME}.txt", text(seen, cost).encode())


def _steps(generations: Generations, before: str | None, after: str) -> list[Generation] | None:
    """The generations after one up to another, oldest first; None if there is no such way."""
    way: list[str] = []
    for line in generations.committed(after):
        if line.commit == before:
            return [generations.read(commit) for commit in reversed(way)]
        way.append(line.commit)
    return None


def _listed(repository: Path, point: str, stamp: str) -> Iterator[Published]:
    """The packages of a kept generation, as clients read its indexes."""
    chain = AptChain(point.split("/")[1]) if point.startswith("dists/") else RpmChain()
    generation = chain.generation(Findings(Folder(repository), NoTrust()), stamp)
    if generation is not None:
        yield from (package for package in generation.packages if is_package(package.file))


def _move(packages: Iterable[Words], undoes: dict[str, Words], onto: dict[str, Words]) -> None:
    for package in packages:
        if undoes.pop(package["file"], None) is None:
            onto[package["file"]] = package


def _sorted(packages: Mapping[str, Words]) -> list[Words]:
    return [packages[file] for file in sorted(packages)]


def _name(package: Words) -> str:
    return f"{package['name']} {package['version']} {package['architecture']}"
