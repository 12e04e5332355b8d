"""People of the demonstration: they push changes and review them, as people do."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

from master.demo.gerrit_git import git
from master.demo.processes import DidNotStart

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

_TIMEOUT = 60
_GUARD = ")]}'"  # Gerrit puts it before every JSON answer


@dataclass(frozen=True)
class Person:
    """Somebody with an account in Gerrit."""

    name: str
    email: str
    password: str
    gerrit: str  # its address

    def propose(
        self, project: str, message: str, edits: Mapping[str, str], work: Path
    ) -> tuple[int, str]:
        """Push one change onto the branch's tip: files by path with their new text.

        Answers the change's number and revision.
        """
        change_id = f"I{secrets.token_hex(20)}"
        text = f"{message}\n\nChange-Id: {change_id}"
        self._push(project, text, edits, work, "refs/for/main")
        change = self.ask(f"changes/{project}~main~{change_id}?o=CURRENT_REVISION")
        return int(change["_number"]), str(change["current_revision"])

    def push(self, project: str, message: str, edits: Mapping[str, str], work: Path) -> None:
        """Push a commit onto the branch itself, past review and gate."""
        self._push(project, message, edits, work, "refs/heads/main")

    def read(self, project: str, path: str, work: Path) -> str:
        """A file's text on the branch."""
        folder = work / f"{project}-read"
        if not folder.exists():
            remote = self._remote(project)
            git(self, work, "clone", "--quiet", "--branch", "main", remote, str(folder))
        git(self, folder, "pull", "--quiet", "--ff-only")
        return (folder / path).read_text(encoding="utf-8")

    def approve(self, number: int) -> None:
        """Vote Code-Review+2 on the current patch set."""
        votes = {"labels": {"Code-Review": 2}}
        self.do("POST", f"changes/{number}/revisions/current/review", votes)

    def ask(self, path: str) -> Any:
        """Read from Gerrit's REST interface."""
        return self.do("GET", path)

    def do(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        allowed: Collection[int] = (),
    ) -> Any:
        """Ask Gerrit's REST interface for anything; its answer, None where it has none.

        Raises :class:`DidNotStart` when Gerrit refuses with a status that is not ``allowed``; one
        that is allowed counts as no answer.
        """
        answer = requests.request(
            method,
            f"{self.gerrit}/a/{path}",
            json=body,
            auth=(self.name, self.password),
            timeout=_TIMEOUT,
        )
        if not answer.ok and answer.status_code not in allowed:
            raise DidNotStart(f"Gerrit refused {method} {path}: {answer.text.strip()}")
        if not answer.ok or not answer.text.startswith(_GUARD):
            return None
        return json.loads(answer.text.removeprefix(_GUARD))

    def _push(
        self, project: str, message: str, edits: Mapping[str, str], work: Path, ref: str
    ) -> None:
        folder = work / f"{project}-{secrets.token_hex(4)}"
        git(self, work, "clone", "--quiet", "--branch", "main", self._remote(project), str(folder))
        for path, text in edits.items():
            (folder / path).write_text(text, encoding="utf-8")
        git(self, folder, "commit", "--quiet", "--all", "-m", message)
        git(self, folder, "push", "--quiet", "origin", f"HEAD:{ref}")

    def _remote(self, project: str) -> str:
        return f"{self.gerrit}/a/{project}"
