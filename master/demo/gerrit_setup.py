"""Makes a fresh Gerrit the one Lockgate expects: people, rights, label, projects.

What an operator of a Gerrit of their own does by hand is here as code: a service user that may
stream events, vote ``Verified`` and alone may submit, and a submit requirement that asks for its
vote. Everything may be done again on a server that has it already.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import quote

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from master.demo.gerrit_git import git
from master.demo.people import Person

if TYPE_CHECKING:
    from collections.abc import Mapping

    from master.demo.gerrit_server import GerritServer

SubmitType = Literal[
    "MERGE_IF_NECESSARY",
    "FAST_FORWARD_ONLY",
    "REBASE_IF_NECESSARY",
    "REBASE_ALWAYS",
    "MERGE_ALWAYS",
    "CHERRY_PICK",
]

SERVICE_USER = "lockgate"
LABEL = "Verified"
_FIRST_PASSWORD = "secret"  # noqa: S105 - what `init --dev` gives its administrator
_NAMES = ("admin", SERVICE_USER, "maintainer", "reviewer")
_GROUPS = {"lockgate-service": SERVICE_USER, "reviewers": "reviewer"}
_MEANING = {
    "-2": "Rejected by the gate",
    "-1": "Fails",
    " 0": "No score",
    "+1": "Works",
    "+2": "Passed the gate",
}


@dataclass(frozen=True)
class Community:
    """Everybody with an account, and what the service user logs in with."""

    admin: Person
    service: Person
    maintainer: Person
    reviewer: Person
    service_key: str  # private ssh key, OpenSSH format


class GerritSetup:
    """Sets up one running server; passwords are kept in ``credentials.json`` below its folder."""

    def __init__(self, server: GerritServer) -> None:
        self.server = server
        self._secrets = _Credentials.of(server.folder / "credentials.json")
        self._admin = self._person("admin")

    @property
    def community(self) -> Community:
        """The people, with their passwords."""
        service, maintainer, reviewer = (self._person(name) for name in _NAMES[1:])
        return Community(self._admin, service, maintainer, reviewer, self._secrets.service_key)

    def run(self) -> Community:
        """Accounts, groups, rights, label and submit requirement."""
        self._take_over()
        for name in _NAMES[1:]:
            self._account(name)
        for group, member in _GROUPS.items():
            self._put(f"groups/{group}", {"visible_to_all": True})
            self._put(f"groups/{group}/members/{member}", {})
        # Gerrit's own group whose members may stream events.
        self._put(f"groups/{quote('Service Users')}/members/{SERVICE_USER}", {})
        self._label()
        self._rights()
        return self.community

    def create_project(
        self,
        name: str,
        *,
        submit_type: SubmitType = "MERGE_IF_NECESSARY",
        content_merge: bool = True,
    ) -> None:
        """Create an empty project; one that exists keeps its settings."""
        self._put(
            f"projects/{quote(name, safe='')}",
            {"submit_type": submit_type, "use_content_merge": str(content_merge).upper()},
        )

    def import_tree(
        self, project: str, tree: Path, *, branch: str = "main", message: str = "Import"
    ) -> str:
        """Push a folder as a branch's first commit and answer its id; a branch there stays.

        Files are taken as they are: nothing is ignored, no line ending is converted.
        """
        path = f"projects/{quote(project, safe='')}/branches/{quote(branch, safe='')}"
        found = self._admin.do("GET", path, allowed=(404,))
        if found is not None:
            return str(found["revision"])
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "tree"
            shutil.copytree(tree, copy, symlinks=True, ignore=shutil.ignore_patterns(".git"))
            git(self._admin, copy, "init", "--quiet", "--initial-branch", branch)
            git(self._admin, copy, "add", "--all", "--force")
            git(self._admin, copy, "commit", "--quiet", "--message", message)
            git(self._admin, copy, "push", "--quiet", f"{self.server.url}/a/{project}", branch)
            return git(self._admin, copy, "rev-parse", "HEAD").strip()

    def _take_over(self) -> None:
        """Replace the administrator's well-known password."""
        if self._admin.do("GET", "accounts/self", allowed=(401,)) is None:
            fresh = replace(self._admin, password=_FIRST_PASSWORD)
            password = {"http_password": self._admin.password}
            fresh.do("PUT", "accounts/self/password.http", password)
        self._admin.do("DELETE", "accounts/self/tokens/initialToken", allowed=(404,))

    def _account(self, name: str) -> None:
        person = self._person(name)
        fields = {
            "name": name.capitalize(),
            "email": person.email,
            "http_password": person.password,
        }
        if name == SERVICE_USER:
            fields["ssh_key"] = self._secrets.public_key
        self._put(f"accounts/{name}", fields)

    def _label(self) -> None:
        self._put(
            f"projects/All-Projects/labels/{LABEL}",
            {"values": _MEANING, "function": "NoBlock", "commit_message": f"Label {LABEL}"},
        )
        self._put(
            f"projects/All-Projects/submit_requirements/{LABEL}",
            {
                "name": LABEL,
                "description": "The gate has tested the change as it will be merged.",
                "submittability_expression": (
                    f"label:{LABEL}=MAX,user={SERVICE_USER} AND -label:{LABEL}=MIN"
                ),
            },
        )

    def _rights(self) -> None:
        """Write the rights on branches as a whole: what else was there is no more."""
        ref = "refs/heads/*"
        rights = {
            "read": _rules("Anonymous Users"),
            "create": _rules("Administrators"),
            "push": _rules("Administrators"),
            "forgeAuthor": _rules("Registered Users"),
            "editTopicName": _rules("Registered Users"),
            "submit": _rules("lockgate-service"),
            "label-Code-Review": _votes(
                "Code-Review", {"Registered Users": 1, "reviewers": 2, "Administrators": 2}
            ),
            f"label-{LABEL}": _votes(LABEL, {"lockgate-service": 2}),
        }
        self._admin.do(
            "POST",
            "projects/All-Projects/access",
            {
                "message": "Only the gate submits",
                "remove": {ref: {"permissions": {}}},
                "add": {ref: {"permissions": rights}},
            },
        )

    def _person(self, name: str) -> Person:
        email = "admin@example.com" if name == "admin" else f"{name}@localhost"
        return Person(name, email, self._secrets.passwords[name], self.server.url)

    def _put(self, path: str, body: Mapping[str, Any]) -> None:
        # 409: it is there already.
        self._admin.do("PUT", path, body, allowed=(409,))


def _rules(*groups: str) -> dict[str, Any]:
    return {"rules": {group: {"action": "ALLOW"} for group in groups}}


def _votes(label: str, most: Mapping[str, int]) -> dict[str, Any]:
    return {
        "label": label,
        "rules": {
            group: {"action": "ALLOW", "min": -limit, "max": limit} for group, limit in most.items()
        },
    }


@dataclass(frozen=True)
class _Credentials:
    """Passwords by account name, and the service user's key pair."""

    passwords: dict[str, str]
    service_key: str
    public_key: str

    @classmethod
    def of(cls, file: Path) -> Self:
        """Those in the file, which is written first when there is none."""
        if not file.exists():
            key = Ed25519PrivateKey.generate()
            private = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.OpenSSH,
                serialization.NoEncryption(),
            )
            public = key.public_key().public_bytes(
                serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
            )
            content = {
                "passwords": {name: secrets.token_urlsafe(18) for name in _NAMES},
                "service_key": private.decode(),
                "public_key": public.decode(),
            }
            # In place before Gerrit hears of it, so that a run cut short can be done again.
            new = file.with_suffix(".new")
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
                json.dump(content, out)
            new.replace(file)
        return cls(**json.loads(file.read_text()))
