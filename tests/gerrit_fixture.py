"""A real Gerrit for tests, started once a session and set up as Lockgate wants it.

Tests share the server, so each takes projects of its own::

    def test_a_change(gerrit):
        project = gerrit.project({"README": "one\\n"})
        change = gerrit.propose(project, "Say two", {"README": "two\\n"})
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from master.demo.gerrit_git import git
from master.demo.gerrit_server import HOST, GerritServer
from master.demo.gerrit_setup import Community, GerritSetup, SubmitType
from workers.users import ensure_user

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from master.demo.people import Person

_USER = "lockgate-gerrit"


@dataclass(frozen=True)
class Proposed:
    """A patch set that was pushed."""

    project: str
    number: int
    patchset: int
    revision: str
    change_id: str


class Gerrit:
    """The running server, and short words for what people do with it."""

    def __init__(self, server: GerritServer, setup: GerritSetup, work: Path) -> None:
        self.server = server
        self.setup = setup
        self.people: Community = setup.run()
        self.url = server.url
        self.ssh_host, self.ssh_port = HOST, server.ssh_port
        self._work = work
        self._numbers = itertools.count(1)
        self.known_hosts = work / "known_hosts"
        self.known_hosts.write_text(server.known_hosts)
        self.identity_file = work / "lockgate-key"
        self.identity_file.touch(0o600)
        self.identity_file.write_text(self.people.service_key)

    def project(
        self,
        files: Mapping[str, str] | None = None,
        *,
        submit_type: SubmitType = "MERGE_IF_NECESSARY",
        name: str = "project",
    ) -> str:
        """A new project whose branch ``main`` holds these files; answers its unique name."""
        project = f"{name}-{next(self._numbers)}"
        self.setup.create_project(project, submit_type=submit_type)
        tree = self._folder("tree")
        _write(tree, files or {"README": "first\n"})
        self.setup.import_tree(project, tree)
        return project

    def propose(
        self,
        project: str,
        message: str,
        files: Mapping[str, str],
        *,
        on: str | None = None,
        change_id: str | None = None,
        options: Sequence[str] = (),
    ) -> Proposed:
        """Push a commit for review as the maintainer, on the tip or on the revision ``on``.

        With the ``change_id`` of an open change it becomes that change's next patch set;
        ``options`` are Gerrit's push options (``topic=T``, ``wip``).
        """
        person = self.people.maintainer
        folder = self._folder("work")
        remote = f"{self.url}/a/{project}"
        git(person, folder, "clone", "--quiet", "--branch", "main", remote, ".")
        if on is not None:
            git(person, folder, "fetch", "--quiet", "origin", self._ref(project, on))
            git(person, folder, "checkout", "--quiet", on)
        _write(folder, files)
        identity = change_id or f"I{hashlib.sha1(os.urandom(20)).hexdigest()}"  # noqa: S324
        git(person, folder, "add", "--all")
        text = f"{message}\n\nChange-Id: {identity}\n"
        git(person, folder, "commit", "--quiet", "--allow-empty", "--message", text)
        suffix = f"%{','.join(options)}" if options else ""
        git(person, folder, "push", "--quiet", "origin", f"HEAD:refs/for/main{suffix}")
        found = self.ask(f"changes/{quote(project, safe='')}~main~{identity}?o=CURRENT_REVISION")
        revision = found["current_revision"]
        patchset = found["revisions"][revision]["_number"]
        return Proposed(project, found["_number"], patchset, revision, identity)

    def push(self, project: str, files: Mapping[str, str], message: str = "Directly") -> str:
        """Push a commit past review as the administrator; answers the new tip."""
        person, folder = self.people.admin, self._folder("work")
        git(person, folder, "clone", "--quiet", "-b", "main", f"{self.url}/a/{project}", ".")
        _write(folder, files)
        git(person, folder, "add", "--all")
        git(person, folder, "commit", "--quiet", "--message", message)
        git(person, folder, "push", "--quiet", "origin", "HEAD:main")
        return git(person, folder, "rev-parse", "HEAD").strip()

    def approve(self, change: Proposed) -> None:
        """Vote Code-Review+2 on the current patch set as the reviewer."""
        self.people.reviewer.approve(change.number)

    def verify(self, change: Proposed, value: int = 2) -> None:
        """Vote Verified on the current patch set as the service user."""
        path = f"changes/{change.number}/revisions/current/review"
        self.do("POST", path, {"labels": {"Verified": value}}, self.people.service)

    def submit(self, change: Proposed) -> None:
        """Merge a change as the service user, with the votes it takes."""
        self.approve(change)
        self.verify(change)
        self.do("POST", f"changes/{change.number}/submit", {}, self.people.service)

    def ask(self, path: str) -> Any:
        """Read from REST as the administrator."""
        return self.do("GET", path)

    def do(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        person: Person | None = None,
    ) -> Any:
        """Ask REST for anything, as the administrator or somebody else."""
        return (person or self.people.admin).do(method, path, body)

    def _ref(self, project: str, revision: str) -> str:
        found = self.ask(f"changes/?q=project:{project}+commit:{revision}&o=ALL_REVISIONS")
        return str(found[0]["revisions"][revision]["ref"])

    def _folder(self, name: str) -> Path:
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._work))


@pytest.fixture(scope="session")
def gerrit_jars_cache() -> Path:
    """Where jars are kept from one session to the next."""
    if state := os.environ.get("STATE"):
        return Path(state) / "jars"
    # Root's home cannot be read by the user the server runs as.
    caches = Path("/var/cache") if os.getuid() == 0 else Path.home() / ".cache"
    return caches / "lockgate" / "jars"


@pytest.fixture(scope="session")
def gerrit(gerrit_jars_cache: Path) -> Iterator[Gerrit]:
    """A running Gerrit with people, rights and the label."""
    # pytest's own temporary folders cannot be entered by other users.
    folder = Path(tempfile.mkdtemp(prefix="lockgate-gerrit-"))
    folder.chmod(0o755)
    root = os.getuid() == 0
    if root:
        ensure_user(_USER)
    server = GerritServer(folder / "server", gerrit_jars_cache, user=_USER if root else None)
    try:
        server.start()
        work = folder / "work"
        work.mkdir(0o700)
        yield Gerrit(server, GerritSetup(server), work)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
