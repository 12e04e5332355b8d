"""The upstream archive of a quilt source package: one for all revisions of an upstream version.

An archive that the repositories have already is taken as it is, and dpkg-source(1) records what
the tree has besides as the patch ``debian-changes``. Otherwise it is made from the tree: everything
but ``debian/``, with the patches of ``debian/patches`` taken off if they are applied in the tree.
Its bits depend on the upstream files and version alone.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workers.build.request import BUILD_USER
from workers.build.tree import read_text
from workers.clients.apt_index import first_source_file
from workers.outcome import ChangeFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from workers.build.commands import Commands
    from workers.build.deb_source import DebSource
    from workers.clients.apt_index import Listing, SourceFile

_SEPARATED = "/build/upstream"
_PUBLISHED = "/build/published"
_ENDINGS = r"\.(gz|xz|bz2)"
_ABOUT = ("%y", "%m", "%s", "%l", "%P")
_SHOWN = 20


@dataclass(frozen=True)
class UpstreamArchive:
    """The archive beside the tree in the sandbox."""

    name: str
    sha256: str
    found: bool
    """Whether a repository had it, so that it may not be another one."""

    def cannot_tell(self, what: str, detail: str) -> ChangeFault:
        """The fault of a tree that cannot be told as a patch beside the archive found."""
        return ChangeFault(
            f"{self.name} is in the repositories already and no patch beside it can tell of "
            f"{what}: raise the upstream version in debian/changelog",
            detail,
        )


@dataclass(frozen=True)
class Entry:
    """What is at a path of an upstream tree, as far as patches and archives know of it."""

    kind: str
    """``f`` for a file, ``l`` for a symbolic link, as find(1) prints it."""
    executable: bool
    empty: bool
    target: str
    """Where a link leads."""


class Upstream:
    """The upstream part of a tree that lies in ``tree`` of a sandbox, its archive beside it."""

    def __init__(self, source: DebSource, original: Path, tree: str, commands: Commands) -> None:
        self._source = source
        self._original = original
        self._tree = tree
        self._commands = commands
        self._beside = tree.rpartition("/")[0]

    def provide(self, listings: Iterable[Listing]) -> UpstreamArchive:
        """Put the archive beside the tree: the first repository's that has one, or a new one."""
        stem = f"{self._source.name}_{self._source.upstream_version}.orig.tar"
        found = first_source_file(
            listings, self._source.name, re.compile(re.escape(stem) + _ENDINGS)
        )
        self._separate()
        if found is None:
            name = self._make(stem)
            sha256 = self._commands.ask("sha256sum", f"{self._beside}/{name}").split()[0]
            return UpstreamArchive(name, sha256, found=False)
        archive = UpstreamArchive(found.name, found.sha256, found=True)
        self._take(found)
        self._compare(archive)
        return archive

    def _take(self, found: SourceFile) -> None:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "archive")
            found.fetch(copy)
            with copy.open("rb") as file:
                self._commands.sandbox.write(f"{self._beside}/{found.name}", file, owner=BUILD_USER)

    def _compare(self, archive: UpstreamArchive) -> None:
        """Refuse what dpkg-source would leave out of its patch with no more than a warning."""
        self._must("mkdir", _PUBLISHED)
        unpack = ("--extract", "--strip-components=1", f"--directory={_PUBLISHED}")
        self._must("tar", *unpack, f"--file={self._beside}/{archive.name}")
        told = untellable(self._listed(_PUBLISHED), self._listed(self._folder))
        if told:
            raise archive.cannot_tell(told[0], "\n".join(told[:_SHOWN]))

    def _listed(self, folder: str) -> dict[str, Entry]:
        form = "".join(f"{each}\\0" for each in _ABOUT)
        printed = self._commands.ask("find", folder, "!", "-type", "d", "-printf", form)
        fields = iter(printed.split("\0")[:-1])
        return {
            path: Entry(kind, bool(int(mode, 8) & 0o100), kind == "f" and size == "0", target)
            for kind, mode, size, target, path in zip(*[fields] * len(_ABOUT), strict=True)
        }

    @property
    def _folder(self) -> str:
        return f"{_SEPARATED}/{self._source.folder}"

    def _separate(self) -> None:
        """Copy the tree without debian/, and take its patches off if they are applied."""
        self._copy()
        patches = self._patches()
        applied = bool(patches) and all(self._take_off(patch) for patch in reversed(patches))
        if applied:
            self._record_applied(patches)
        elif patches:
            self._copy()

    def _copy(self) -> None:
        self._must("rm", "--recursive", "--force", self._folder)
        self._must("mkdir", "--parents", _SEPARATED)
        self._must("cp", "--archive", self._tree, self._folder)
        self._must("rm", "--recursive", f"{self._folder}/debian")

    def _patches(self) -> list[str]:
        if not (self._original / "debian/patches/series").exists():
            return []
        lines = read_text(self._original, "debian/patches/series").splitlines()
        patches = [line.split()[0] for line in lines if line.strip() and line.strip()[0] != "#"]
        for patch in patches:
            if ".." in patch.split("/") or patch.startswith(("/", "-")):
                raise ChangeFault(f"debian/patches/series: {patch!a} is not below debian/patches")
        return patches

    def _take_off(self, patch: str) -> bool:
        undo = [
            "patch",
            "--reverse",
            "--force",
            "--strip=1",
            "--fuzz=0",
            "--remove-empty-files",
            "--no-backup-if-mismatch",
            "--quiet",
            "--reject-file=-",
            f"--directory={self._folder}",
            f"--input={self._tree}/debian/patches/{patch}",
        ]
        # What it says when a patch was not applied would look like a failure in the log.
        return self._commands.sandbox.run(undo, capture=True).success

    def _record_applied(self, patches: Sequence[str]) -> None:
        """Tell dpkg-source in quilt's way that the tree has its patches already."""
        notes = {
            ".version": "2\n",
            ".quilt_patches": "debian/patches\n",
            ".quilt_series": "series\n",
            "applied-patches": "".join(f"{patch}\n" for patch in patches),
        }
        for name, text in notes.items():
            path = f"{self._tree}/.pc/{name}"
            self._commands.sandbox.write(path, text.encode(), owner=BUILD_USER)

    def _make(self, name: str) -> str:
        self._must(
            "tar",
            "--create",
            "--format=gnu",
            "--sort=name",
            "--owner=0",
            "--group=0",
            "--numeric-owner",
            "--mode=u=rwX,go=rX",
            f"--mtime=@{self._source.upstream_epoch}",
            f"--directory={_SEPARATED}",
            f"--file={self._beside}/{name}",
            self._source.folder,
        )
        self._must("gzip", "--no-name", "--best", f"{self._beside}/{name}")
        return f"{name}.gz"

    def _must(self, *command: str) -> None:
        self._commands.must(f"preparing the source with {command[0]}", *command)


def untellable(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> list[str]:
    """What a patch from one upstream tree to another cannot say, in words. Pure.

    Patches know of lines: not of links, not of a file's mode, and of no file without lines. That
    a binary file changed is found by dpkg-source itself.
    """
    found = []
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        why = None if old == new else _why_untellable(old, new)
        if why is not None:
            found.append(f"{why} {path!a}")
    return found


def _why_untellable(old: Entry | None, new: Entry | None) -> str | None:
    if any(each is not None and each.kind != "f" for each in (old, new)):
        return "the symbolic link"
    if new is None:
        return "the removal of the empty file" if old is not None and old.empty else None
    if new.empty:
        return "the empty file"
    if new.executable != (old is not None and old.executable):
        return "the mode of the file"
    return None
