"""Three-way merges of trees as Gerrit makes them.

Gerrit merges by path: it follows no renames. Without content merge a file changed on both sides
is a conflict; with it, ordinary files are merged line by line. ``git merge`` would follow renames
and so accept changes that Gerrit then refuses; therefore the merge is made of git's parts:
git-read-tree(1) ("3-Way Merge", ``--aggressive``) and git-merge-file(1), in a temporary index.
Line by line, Gerrit's JGit and git can differ in rare cases of ambiguous hunks; the comparison
after the submit (``source merged``) finds those.
"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from workers.source.git import GitError
from workers.source.tree import EXECUTABLE, FILE, Blob

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workers.source.git import Git

_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_BASE, _OURS, _THEIRS = 1, 2, 3
_NOWHERE = "0" * 40
_ORDINARY = (FILE, EXECUTABLE)

Stages = dict[int, Blob]


@dataclass(frozen=True)
class Merged:
    """The tree a merge made, or the paths that conflict."""

    tree: str | None
    conflicts: tuple[str, ...] = ()


@dataclass
class Resolution:
    """What becomes of the paths that changed on both sides."""

    settled: dict[str, Blob | None] = field(default_factory=dict)
    by_content: dict[str, Stages] = field(default_factory=dict)
    conflicts: set[str] = field(default_factory=set)


def resolve(
    merged: Mapping[str, Blob], unmerged: Mapping[str, Stages], *, content_merge: bool
) -> Resolution:
    """Decide about the paths that git-read-tree left unmerged. Pure.

    ``merged`` are the paths it settled; a file may not lie where another path needs a folder.
    """
    found = Resolution()
    for path, stages in unmerged.items():
        base, ours, theirs = (stages.get(stage) for stage in (_BASE, _OURS, _THEIRS))
        if base is None and (ours is None or theirs is None):
            found.settled[path] = ours or theirs
        elif ours is None and theirs is None:
            found.settled[path] = None
        elif ours is None or theirs is None:
            if base == (ours or theirs):
                found.settled[path] = None
            else:
                found.conflicts.add(path)
        elif content_merge and all(blob.mode in _ORDINARY for blob in stages.values()):
            found.by_content[path] = stages
        else:
            found.conflicts.add(path)
    files = {*merged, *found.by_content, *(path for path, blob in found.settled.items() if blob)}
    found.conflicts |= {
        path
        for path in (*found.settled, *found.by_content)
        if path in files and _needs_folder_at_file(path, files)
    }
    return found


def _needs_folder_at_file(path: str, files: set[str]) -> bool:
    parts = path.split("/")
    return any("/".join(parts[:depth]) in files for depth in range(1, len(parts)))


def merge_trees(
    git: Git, bases: Sequence[str], ours: str, theirs: str, *, content_merge: bool
) -> Merged:
    """Merge ``theirs`` into ``ours``; ``bases`` are their merge bases, none for strangers.

    Several bases (branches merged crosswise) are a conflict without content merge, as in Gerrit.
    """
    if len(bases) > 1 and not content_merge:
        return Merged(None)
    with tempfile.TemporaryDirectory(prefix="lockgate-merge-") as scratch:
        index = {"GIT_INDEX_FILE": str(Path(scratch, "index"))}
        git.run(
            *("read-tree", "-i", "-m", "--aggressive"),
            *(bases or [_EMPTY_TREE]),
            *(ours, theirs),
            environment=index,
        )
        merged, unmerged = _read_index(git.run("ls-files", "-s", "-z", environment=index))
        found = resolve(merged, unmerged, content_merge=content_merge)
        for path, stages in found.by_content.items():
            blob = _merge_content(git, Path(scratch), stages)
            if blob is None:
                found.conflicts.add(path)
            found.settled[path] = blob
        if found.conflicts:
            return Merged(None, tuple(sorted(found.conflicts)))
        git.run(
            *("update-index", "-z", "--index-info"),
            stdin=b"".join(_index_line(path, blob) for path, blob in found.settled.items()),
            environment=index,
        )
        return Merged(git.text("write-tree", environment=index))


def _read_index(listing: bytes) -> tuple[dict[str, Blob], dict[str, Stages]]:
    merged: dict[str, Blob] = {}
    unmerged: dict[str, Stages] = defaultdict(dict)
    for record in listing.split(b"\0")[:-1]:
        about, _, name = record.partition(b"\t")
        mode, object_id, stage = about.decode().split(" ")
        path = os.fsdecode(name)
        if stage == "0":
            merged[path] = Blob(mode, object_id)
        else:
            unmerged[path][int(stage)] = Blob(mode, object_id)
    return merged, unmerged


def _index_line(path: str, blob: Blob | None) -> bytes:
    mode, object_id = blob or ("0", _NOWHERE)
    # A removal takes the unmerged stages away, which an addition alone would leave.
    removal = f"0 {_NOWHERE}\t".encode() + os.fsencode(path) + b"\0"
    return removal + f"{mode} {object_id}\t".encode() + os.fsencode(path) + b"\0"


def _merge_content(git: Git, scratch: Path, stages: Stages) -> Blob | None:
    """Merge one file's lines; None if they conflict or are no lines at all."""
    mode = _merge_modes(stages)
    if mode is None:
        return None
    files = []
    for stage in (_OURS, _BASE, _THEIRS):
        blob = stages.get(stage)
        file = scratch / str(stage)
        file.write_bytes(b"" if blob is None else git.run("cat-file", "blob", blob.object_id))
        files.append(str(file))
    try:
        content = git.run("merge-file", "-p", "--quiet", *files)
    except GitError:  # the number of conflicts, or 255 for binary files
        return None
    written = git.run("hash-object", "-w", "--no-filters", "--stdin", stdin=content)
    return Blob(mode, written.decode().strip())


def _merge_modes(stages: Stages) -> str | None:
    ours, theirs = stages[_OURS].mode, stages[_THEIRS].mode
    if ours == theirs:
        return ours
    base = stages.get(_BASE)
    if base is None:
        return None
    return theirs if base.mode == ours else ours
