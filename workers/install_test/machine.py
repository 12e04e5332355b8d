"""What the install test needs of a machine, whatever it is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from workers.sandbox import Entry, Result

    Manifest = Mapping[str, Entry | None]
    """Absolute path -> what differs there from the system as it was prepared, None if removed."""


class Machine(ABC):
    """A disposable machine with a minimal system; everything on it is gone when it is discarded.

    Methods raise InfrastructureFault when the machine itself fails. That a command fails is not
    an error but a Result.
    """

    SOURCE = "/mnt/source"
    """Where the tested source tree can be read, if the machine was given one."""
    HOME = "/build"
    """A folder of the ordinary user."""

    @abstractmethod
    def prepare(self) -> None:
        """Start it, fresh."""

    @abstractmethod
    def put(self, path: str, content: bytes) -> None:
        """Write a file as root, making its folders."""

    @abstractmethod
    def run(
        self,
        command: Sequence[str],
        *,
        as_root: bool = False,
        network: bool = False,
        environment: Mapping[str, str] | None = None,
        folder: str = "/",
        capture: bool = False,
    ) -> Result:
        """Run a command to its end; with the network only for programs of the system itself."""

    @abstractmethod
    def fetch(self, path: str) -> bytes:
        """Return a regular file's content; ChangeFault if it is none."""

    @abstractmethod
    def manifest(self, exclude: Collection[str]) -> Manifest:
        """Describe all files that are not as they were prepared, but for the excluded paths."""

    @abstractmethod
    def discard(self) -> None:
        """End it and everything on it; also after a failed start."""
