"""Runs programs of the host that look into packages, and shows them nothing else.

Linters and the like unpack and parse what strangers made. They see the host's ``/usr`` and a few
folders of ``/etc``, read-only, and the packages: no network, no home, no other build. A root image
with them in it would do as well and can take this one's place; this needs no time to be made.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from workers.outcome import InfrastructureFault
from workers.sandbox.sandbox import Bind, Sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workers.sandbox.sandbox import Limits, Result

# Configuration that programs in /usr do not work without.
_CONFIGURATION = (
    "/etc/alternatives",
    "/etc/dpkg",
    "/etc/groff",
    "/etc/ld.so.cache",
    "/etc/magic",
    "/etc/manpath.config",
    "/etc/perl",
    "/etc/python3",
)
_USR_LINKS = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
_PACKAGES = "/packages"
_SCRATCH = ("/tmp", "/build")  # noqa: S108 - the sandbox's own
_USERS = b"root:x:0:0::/root:/bin/sh\nbuild:x:1000:1000::/build:/bin/sh\n"
_GROUPS = b"root:x:0:\nbuild:x:1000:\n"
_READABLE_FOLDER, _READABLE_FILE = 0o755, 0o644


def run_enclosed(
    command: Sequence[str], files: Mapping[str, Path], named: Sequence[str], limits: Limits
) -> Result:
    """Run a program of the host where copies of files are; its standard output is captured.

    ``files`` are the originals by the names of their copies; the paths of the ``named`` ones follow
    the command. Raises InfrastructureFault if the program
    is not installed.
    """
    program = shutil.which(command[0], path="/usr/bin")
    if program is None:
        raise InfrastructureFault(f"{command[0]} is not installed on this worker")
    with tempfile.TemporaryDirectory(prefix="lockgate-enclosed-") as folder:
        root, packages = Path(folder, "root"), Path(folder, "packages")
        _make_skeleton(root)
        packages.mkdir()
        packages.chmod(_READABLE_FOLDER)
        for name, file in files.items():
            copy = packages / name
            shutil.copyfile(file, copy)
            copy.chmod(_READABLE_FILE)
        shown = ["/usr", *(path for path in _CONFIGURATION if Path(path).exists())]
        binds = [Bind(Path(path), path) for path in shown] + [Bind(packages, _PACKAGES)]
        with Sandbox(root, limits=limits, binds=binds) as sandbox:
            sandbox.write("/etc/passwd", _USERS)
            sandbox.write("/etc/group", _GROUPS)
            sandbox.run(["mkdir", "--mode=1777", *_SCRATCH], as_root=True)
            paths = [f"{_PACKAGES}/{name}" for name in named]
            return sandbox.run([program, *command[1:], *paths], capture=True, folder=_PACKAGES)


def _make_skeleton(root: Path) -> None:
    """Make the folders and links that a root needs before anything can be mounted on it."""
    root.mkdir()
    root.chmod(_READABLE_FOLDER)
    for name in ("dev", "proc"):
        (root / name).mkdir()
    for name in _USR_LINKS:
        host = Path("/", name)
        if host.is_symlink():
            (root / name).symlink_to(host.readlink())
