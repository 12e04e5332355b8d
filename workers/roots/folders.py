"""Folders of files that belong to other user ids: held while in use, removed as a whole.

Images and the layers over them are such folders; each has its files in ``root``, and an image has
its layers in ``layers``.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from workers.outcome import InfrastructureFault
from workers.sandbox.ids import as_namespace_root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOT = "root"
LAYERS = "layers"
OPEN = 0o777
"""Mode of a folder in which the namespace's root makes or removes something."""
CLOSED = 0o755
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@contextlib.contextmanager
def held(folder: Path, how: int) -> Iterator[bool]:
    """Hold a folder for use (LOCK_SH) or alone (LOCK_EX, at once); whether that came about."""
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(opened, how if how == fcntl.LOCK_SH else how | fcntl.LOCK_NB)
        # It may have been removed between the two calls.
        there = folder.exists() and os.path.samestat(os.fstat(opened), folder.stat())
    except BlockingIOError:
        there = False
    try:
        yield there
    finally:
        os.close(opened)


def remove_unless_used(folder: Path) -> bool:
    """Remove a folder that nobody holds; answer whether it was removed."""
    with held(folder, fcntl.LOCK_EX) as alone:
        if alone:
            remove(folder)
        return alone


def remove(folder: Path) -> None:
    """Remove a folder, whoever owns the files in it."""
    for layer in (folder / LAYERS).glob("*"):
        remove(layer)
    folder.chmod(OPEN)
    call_as_namespace_root(["rm", "--recursive", "--force", "--one-file-system", ROOT], folder)
    shutil.rmtree(folder)


def call_as_namespace_root(command: list[str], folder: Path, stdin: int | None = None) -> None:
    """Run a command of the host as the user that owns the files of roots."""
    call(as_namespace_root(command), folder=folder, stdin=stdin)


def call(
    command: list[str],
    *,
    folder: Path | None = None,
    stdin: int | None = None,
    stdout: int | None = None,
    environment: dict[str, str] | None = None,
) -> None:
    """Run a command of the host; InfrastructureFault if it fails."""
    done = subprocess.run(
        command,
        check=False,
        cwd=folder,
        env={"PATH": _PATH, "LC_ALL": "C.UTF-8", **(environment or {})},
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        stdout=sys.stderr.fileno() if stdout is None else stdout,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise InfrastructureFault(
            f"{command[0]} failed making a root: {lines[-1] if lines else done.returncode}",
            "\n".join(lines[-20:]),
        )
