"""A git server's repository with changes in it, as Gerrit would keep them."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Entries = dict[str, tuple[str, bytes]]
"""path -> (mode, content; for a submodule the commit's id)"""


class Upstream:
    """A bare repository served from its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"file://{folder}"
        self._clock = 1_700_000_000
        subprocess.run(["git", "init", "--quiet", "--bare", folder], check=True)

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run git there; return what it prints."""
        self._clock += 1
        who = {"NAME": "Ann Author", "EMAIL": "ann@example.org", "DATE": f"@{self._clock} +0100"}
        environment = {
            f"GIT_{role}_{key}": value
            for role in ("AUTHOR", "COMMITTER")
            for key, value in who.items()
        }
        done = subprocess.run(
            ["git", f"--git-dir={self.folder}", *arguments],
            input=stdin,
            env={**os.environ, **environment},
            check=True,
            capture_output=True,
        )
        return done.stdout.decode().strip()

    def tree(self, entries: Entries) -> str:
        """Write a tree; no name is checked."""
        files: dict[str, str] = {}
        folders: dict[str, Entries] = {}
        for path, (mode, content) in entries.items():
            top, slash, rest = path.partition("/")
            if slash:
                folders.setdefault(top, {})[rest] = (mode, content)
            elif mode == "160000":
                files[top] = f"{mode} commit {content.decode()}"
            else:
                blob = self.git("hash-object", "-w", "--stdin", "--no-filters", stdin=content)
                files[top] = f"{mode} blob {blob}"
        for name, below in folders.items():
            files[name] = f"40000 tree {self.tree(below)}"
        lines = "".join(f"{about}\t{name}\0" for name, about in files.items())
        return self.git("mktree", "-z", "--missing", stdin=lines.encode())

    def commit(
        self, files: Mapping[str, str] | Entries, *parents: str, message: str = "a change"
    ) -> str:
        """Make a commit that holds exactly these files."""
        entries: Entries = {
            path: ("100644", content.encode()) if isinstance(content, str) else content
            for path, content in files.items()
        }
        given = [part for parent in parents for part in ("-p", parent)]
        return self.git("commit-tree", self.tree(entries), "-m", message, *given)

    def branch(self, commit: str, name: str = "main") -> str:
        """Let a branch point to a commit."""
        self.git("update-ref", f"refs/heads/{name}", commit)
        return commit

    def propose(self, number: int, commit: str, patchset: int = 1) -> dict[str, Any]:
        """Upload a patch set; return it as a merge request names it."""
        ref = f"refs/changes/{number % 100:02d}/{number}/{patchset}"
        self.git("update-ref", ref, commit)
        return {"number": number, "patchset": patchset, "ref": ref, "revision": commit}


def request(
    upstream: Upstream,
    work: Path,
    changes: Sequence[Mapping[str, Any]],
    *,
    submit_type: str = "MERGE_IF_NECESSARY",
    content_merge: bool = True,
    tip: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Ask for one project's state."""
    project = {
        "name": "group/tool",
        "url": upstream.url,
        "branch": "main",
        "submit_type": submit_type,
        "content_merge": content_merge,
        "tip": tip,
        "changes": list(changes),
    }
    return {"work": str(work), "projects": [project], **more}
