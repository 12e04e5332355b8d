"""Names under which clients find a generation, besides its commit point and those made of hashes.

*Live* names are those of the published generation; a *snapshot* is a generation under its own name.
All are links to files that never change, so that each can be set again after a crash.
"""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from workers import files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from workers.repository.formats import RepositoryFormat
    from workers.repository.generations import Generation, Generations
    from workers.repository.table import Table


@dataclass(frozen=True)
class Shown:
    """What can be seen below a repository's root."""

    root: Path
    format: RepositoryFormat
    generations: Generations
    scratch: Path

    def outdated(self, commit: str, tables: Mapping[str, Table]) -> dict[str, str | None]:
        """Live names that do not lead to a generation, each with its file's path or None."""
        folder = PurePosixPath(self.format.commit_point).parent
        beside = self.generations.beside(commit)
        live = self.format.plain_names(tables)
        live |= {str(folder / name): path for name, path in beside.items()}
        return {name: path for name, path in live.items() if not self._is_set(name, path)}

    def set(self, commit: str, tables: Mapping[str, Table]) -> None:
        """Have all live names lead to a generation."""
        for name, path in self.outdated(commit, tables).items():
            if path is None:
                (self.root / name).unlink()
            else:
                files.link(self.root / path, self.root / name, scratch=self.scratch)

    def show(self, commit: str, generation: Generation, made: files.Together) -> None:
        """Make the snapshot of the published generation."""
        stamp = generation.stamp
        names = self.format.snapshot(stamp, generation.tables)
        point = self.format.snapshot_point(stamp)
        names[point] = self.format.commit_point
        for name, path in self.generations.beside(commit).items():
            names[str(PurePosixPath(point).with_name(name))] = path
        for name, path in names.items():
            made.link(self.root / path, self.root / name)
        for name, target in self.format.snapshot_links(stamp).items():
            link = self.root / name
            if not link.is_symlink():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(target)

    def hide(self, stamp: str) -> None:
        """Take a snapshot away, if there is one."""
        folder = self.root / self.format.snapshot_folder(stamp)
        if folder.exists():
            going = self.scratch / f"{stamp}-{secrets.token_hex(6)}"
            self.scratch.mkdir(exist_ok=True)
            folder.rename(going)  # clients find all of it or nothing
            shutil.rmtree(going)

    def _is_set(self, name: str, path: str | None) -> bool:
        there = self.root / name
        if path is None:
            return not there.exists()
        return there.exists() and there.samefile(self.root / path)
