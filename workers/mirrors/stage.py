"""The folders that sessions send: links of a repository's files, by the names a mirror gets.

What changes with a generation is brought to a hidden folder of the mirror first, and linked to its
own name when all else is in place. So the switch sends no content: what is left to do is done by
the mirror alone, in one go. The hidden names stay, and let rsync(1) tell what changes next time.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers import files
from workers.mirrors.kinds import is_commit_point
from workers.mirrors.listing import NEXT, Offer, entry_of, list_changing, list_fixed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

# Of a file of somebody else's, or of one with very many names.
_NO_LINK = (errno.EPERM, errno.EMLINK)


@dataclass(frozen=True)
class Stage:
    """One attempt's folders, beside the repository; use :func:`staged`."""

    repository: Path
    folder: Path

    @property
    def changing(self) -> Path:
        """What changes, as it was when the attempt began."""
        return self.folder / "changing"

    @property
    def coming(self) -> Path:
        """All that has to be there before the switch."""
        return self.folder / "coming"

    @property
    def switch(self) -> Path:
        """What is linked by the switch, both its names."""
        return self.folder / "switch"

    def offer(self) -> Offer:
        """What the repository has now; of what changes, links are kept that stay as they are."""
        # A publisher that is about to commit has changed some of it already.
        with files.lock(self.repository / ".lock"):
            for path in list_changing(self.repository):
                _link(self.repository / path, self.changing / path)
        changing = {path: entry_of(self.changing / path) for path in list_changing(self.changing)}
        return Offer(
            commits={
                path: files.sha256(self.changing / path)
                for path in filter(is_commit_point, changing)
            },
            changing=changing,
            fixed=list_fixed(self.repository),
        )

    def bring(self, paths: Iterable[str]) -> None:
        """Gather what is to come; what expires meanwhile is left out."""
        for path in paths:
            top, _, rest = path.partition("/")
            own = self.changing / rest if top == NEXT else self.repository / path
            with suppress(FileNotFoundError):
                _link(own, self.coming / path)

    def turn(self, paths: Iterable[str]) -> None:
        """Gather what is to be switched."""
        for path in paths:
            for name in (f"{NEXT}/{path}", path):
                _link(self.changing / path, self.switch / name)


@contextmanager
def staged(repository: Path, folder: Path) -> Iterator[Stage]:
    """An empty stage; nothing is left of it in the end."""
    shutil.rmtree(folder, ignore_errors=True)  # of a sync that was killed
    try:
        yield Stage(repository, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _link(source: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, path, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        shutil.copy2(source, path, follow_symlinks=False)
