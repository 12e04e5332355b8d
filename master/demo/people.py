"""People of the demonstration: they push changes and review them, as people do."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

from master.demo.gerrit_git import git

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TIMEOUT = 30
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
        self._post(f"changes/{number}/revisions/current/review", {"labels": {"Code-Review": 2}})

    def ask(self, path: str) -> Any:
        """Read from Gerrit's REST interface."""
        answer = requests.get(
            f"{self.gerrit}/a/{path}", auth=(self.name, self.password), timeout=_TIMEOUT
        )
        answer.raise_for_status()
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

    def _post(self, path: str, body: Mapping[str, Any]) -> None:
        answer = requests.post(
            f"{self.gerrit}/a/{path}",
            json=body,
            auth=(self.name, self.password),
            timeout=_TIMEOUT,
        )
        answer.raise_for_status()

    def _remote(self, project: str) -> str:
        return f"{self.gerrit}/a/{project}"
