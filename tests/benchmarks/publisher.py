"""What is measured: programs that publish packages into a repository of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.benchmarks.inputs import Format
    from workers.signing.gnupg import Home, Key

CODENAME = "trixie"
_SECONDS = 300


@dataclass(frozen=True)
class Keys:
    """The keys that every publisher signs metadata with: Lockgate itself, all others with gpg."""

    home: Home
    by_format: Mapping[Format, Key]
    ring: Path
    """The public keys of all of them, as gpgv(1) takes them."""
    armoured: Path
    """The same, as package managers take them."""


class Publisher(ABC):
    """One way to publish. Its repository is below ``folder``, which it makes."""

    name: ClassVar[str]
    package_format: ClassVar[Format]
    program: ClassVar[str | None] = None
    """What must be installed."""

    def __init__(self, folder: Path, keys: Keys) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.keys = keys

    @classmethod
    def installed(cls) -> bool:
        """Whether it can be measured on this machine."""
        return cls.program is None or where(cls.program) is not None

    @property
    def served(self) -> Path:
        """What clients read."""
        return self.folder

    @abstractmethod
    def prepare(self, packages: Path) -> None:
        """Publish a folder of packages in the quickest way, into an empty repository."""

    def announce(self, packages: Sequence[Path]) -> None:  # noqa: B027 - most need to know nothing
        """Tell what will be added, to find out now what a publisher is told of it by others."""

    @abstractmethod
    def add(self, package: Path) -> None:
        """Publish one more package: a copy of the file, indexes, signatures."""

    def repair(self, package: Path) -> None:  # noqa: B027 - most need none
        """What a person does by hand after a crash, when a package cannot be published any more."""

    def close(self) -> None:  # noqa: B027 - most have nothing to end
        """End what is still running."""


def copy(package: Path, folder: Path) -> None:
    """Copy a package into a folder, where it appears whole."""
    partial = folder / f".{package.name}.partial"
    shutil.copyfile(package, partial)
    partial.replace(folder / package.name)


def where(program: str) -> str | None:
    """The path of a program, first looked for beside the interpreter."""
    return shutil.which(program, path=str(Path(sys.executable).parent)) or shutil.which(program)


def run(
    *command: str | Path,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    output: Path | None = None,
) -> None:
    """Run a program, which must succeed; what it prints goes to a file if one is given."""
    name, *arguments = map(str, command)
    done = subprocess.run(
        [where(name) or name, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{name} failed: {done.stderr.decode(errors='replace')[-2000:]}")
    if output is not None:
        output.write_bytes(done.stdout)
