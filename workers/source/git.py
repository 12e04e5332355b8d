"""Runs git in a bare repository, deaf to the machine's and the repository's configuration.

Nothing in a bare repository is ever checked out, so no filter, hook or attribute of a proposed
tree takes effect. git(1), git-config(1) ("protocol.allow", "safe.directory"), gitattributes(5).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

from workers.outcome import InfrastructureFault
from workers.source.request import SCHEMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_SETTINGS = {
    "core.hooksPath": "/dev/null",
    "core.attributesFile": "/dev/null",
    "core.fsmonitor": "false",
    "credential.helper": "",
    "fetch.recurseSubmodules": "false",
    "gc.autoDetach": "false",  # nothing goes on behind a command that has ended
    "http.lowSpeedLimit": "1000",  # bytes a second ...
    "http.lowSpeedTime": "30",  # ... for so many seconds, and the transfer is given up
    "protocol.allow": "never",
    **{f"protocol.{scheme}.allow": "always" for scheme in SCHEMES},
    "safe.directory": "*",
}
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=20 -oServerAliveInterval=20",
}
_SECONDS = 300.0
_EXPLANATION_LINES = 20


class GitError(Exception):
    """A git command failed; ``text`` is what it said."""

    def __init__(self, command: str, status: int, text: str) -> None:
        super().__init__(f"git {command} ended with status {status}: {text.strip()[:500]}")
        self.status = status
        self.text = "\n".join(text.strip().splitlines()[-_EXPLANATION_LINES:])


class Git:
    """git in one bare repository.

    ``held`` is a descriptor that every git process inherits: a lock on the repository held by it
    lasts as long as any of them lives, even when this program is killed.
    """

    def __init__(self, folder: Path, held: int) -> None:
        self.folder = folder
        self._held = held

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        seconds: float = _SECONDS,
    ) -> bytes:
        """Return what a command prints.

        Raises GitError when it fails and InfrastructureFault when it is not done in time.
        """
        try:
            done = subprocess.run(
                self._command(arguments),
                input=stdin,
                env=self._environment(environment),
                pass_fds=(self._held,),
                capture_output=True,
                check=False,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired as error:
            raise InfrastructureFault(
                f"git {arguments[0]} was not done after {seconds:g} s"
            ) from error
        if done.returncode != 0:
            raise GitError(arguments[0], done.returncode, done.stderr.decode(errors="replace"))
        return done.stdout

    def text(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """Return what a command prints as one stripped text."""
        return self.run(*arguments, environment=environment).decode(errors="replace").strip()

    def holds(self, *arguments: str) -> bool:
        """Answer a question git answers by status 0 or 1."""
        try:
            self.run(*arguments)
        except GitError as error:
            if error.status == 1:
                return False
            raise
        return True

    @contextlib.contextmanager
    def open(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Give a running command with pipes both ways.

        Raises GitError on leaving if it did not end well; an exception passing through ends it.
        """
        process = subprocess.Popen(
            self._command(arguments),
            env=self._environment(None),
            pass_fds=(self._held,),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        with process:
            try:
                yield process
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            raise GitError(arguments[0], process.returncode, "see the log")

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        settings = [part for key, value in _SETTINGS.items() for part in ("-c", f"{key}={value}")]
        return ["git", f"--git-dir={self.folder}", *settings, *arguments]

    def _environment(self, more: Mapping[str, str] | None) -> dict[str, str]:
        # HOME is the worker's: ssh and curl find its key and .netrc there.
        return {**_ENVIRONMENT, "HOME": os.environ.get("HOME", "/"), **(more or {})}
