"""What the builds of both package formats are given, and the small things they share."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workers.build.tarball import write_tree
from workers.outcome import BadRequest, ChangeFault, InfrastructureFault

if TYPE_CHECKING:
    from pathlib import Path

    from workers.clients.repository import Repository
    from workers.sandbox import Limits, Sandbox

BUILD_USER = 1000
_RESULT_BYTES = 4 << 30


@dataclass(frozen=True)
class BuildRequest:
    """One build: the tree, where results go, what it may use."""

    source: Path
    out: Path
    roots: Path
    limits: Limits
    repositories: tuple[Repository, ...] = ()
    """Sources of build dependencies besides the base distribution."""
    codename: str | None = None
    """DEB: of the OS release that the packages are for."""
    store: str | None = None
    """URL of the store of builds made before."""

    def __post_init__(self) -> None:
        if not self.source.is_dir():
            raise BadRequest(f"there is no source tree at {self.source}")

    @property
    def log(self) -> Path:
        """Where the build's output is kept."""
        return self.out / "build.log"

    def prepare_out(self) -> None:
        """Make the folder of the results; it must be empty, or strangers would be published."""
        self.out.mkdir(parents=True, exist_ok=True)
        if any(self.out.iterdir()):
            raise BadRequest(f"{self.out} must be an empty folder: results of builds are not mixed")


@dataclass
class Stages:
    """Seconds spent in each stage of a build, and what is left of its time."""

    total: float
    seconds: dict[str, float] = field(default_factory=dict)
    _started: float = field(default_factory=time.monotonic)
    _last: float = field(default_factory=time.monotonic)

    def done(self, stage: str) -> None:
        """Note that a stage, or another part of one, has ended now."""
        now = time.monotonic()
        self.seconds[stage] = round(self.seconds.get(stage, 0) + now - self._last, 3)
        self._last = now

    @property
    def left(self) -> float:
        """Seconds that the next command may take."""
        return max(self.total - (time.monotonic() - self._started), 1.0)


def unpack(sandbox: Sandbox, tree: Path, *, folder: str, top: str, mtime: int) -> None:
    """Put a tree into the sandbox as ``folder/top``, owned by the build user."""
    with tempfile.TemporaryFile() as file:
        write_tree(tree, file, top=top, mtime=mtime)
        file.seek(0)
        made = sandbox.run(["mkdir", "--parents", folder])
        if made.success:
            extract = ["tar", "--extract", "--preserve-permissions", f"--directory={folder}"]
            made = sandbox.run(extract, stdin=file)
    if not made.success:
        raise InfrastructureFault(f"the tree cannot be unpacked: {made.why}", made.tail)


def take_result(sandbox: Sandbox, path: str, out: Path) -> Path:
    """Copy a result whose name was checked; return where it is."""
    target = out / path.rpartition("/")[2]
    sandbox.copy_file(path, target, limit=_RESULT_BYTES)
    return target


def read_result(sandbox: Sandbox, path: str) -> str:
    """Return a small text file of the results."""
    try:
        return sandbox.read(path).decode()
    except UnicodeDecodeError as error:
        raise ChangeFault(f"{path} is not written in UTF-8") from error


def digests(sandbox: Sandbox, folder: str, pattern: str) -> tuple[str, ...]:
    """``SHA256  NAME`` of each file below a folder of the sandbox, sorted."""
    found = sandbox.run(
        ["find", folder, "-name", pattern, "-type", "f", "-exec", "sha256sum", "{}", "+"],
        as_root=True,
        capture=True,
    )
    if not found.success:
        raise InfrastructureFault(f"build dependencies cannot be read: {found.why}", found.tail)
    lines = [line.split(maxsplit=1) for line in found.output.decode().splitlines()]
    return tuple(sorted(f"{digest}  {path.rpartition('/')[2]}" for digest, path in lines))
