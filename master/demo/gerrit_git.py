"""Git as somebody with an account in Gerrit, over HTTP."""

from __future__ import annotations

import base64
import os
import subprocess
from typing import TYPE_CHECKING

from master.demo.processes import DidNotStart

if TYPE_CHECKING:
    from pathlib import Path

    from master.demo.people import Person

_SECONDS = 120


def git(person: Person, folder: Path, *arguments: str) -> str:
    """Run git in a folder and answer what it prints.

    Raises :class:`DidNotStart` with its error when it fails.
    """
    token = base64.b64encode(f"{person.name}:{person.password}".encode()).decode()
    result = subprocess.run(
        [
            *("git", "-c", f"user.name={person.name}", "-c", f"user.email={person.email}"),
            *("-c", "core.autocrlf=false", "-c", "commit.gpgsign=false"),
            *arguments,
        ],
        cwd=folder,
        # Not on the command line, where every user of the machine could read it.
        env={
            **os.environ,
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {token}",
            "GIT_TERMINAL_PROMPT": "0",
        },
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if result.returncode != 0:
        raise DidNotStart(f"git {arguments[0]} failed:\n{result.stderr[-2000:]}")
    return result.stdout
