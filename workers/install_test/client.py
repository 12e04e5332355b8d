"""What the install test asks of a package manager."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.outcome import InfrastructureFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.clients.repository import Repository
    from workers.install_test.machine import Machine
    from workers.sandbox import Result

# What differs on any system after a package came and went. Accounts are kept on purpose: files of
# theirs may be left where no package manager knows of them.
ALWAYS_IGNORED = frozenset(
    {
        *("/dev", "/proc", "/run", "/sys", "/tmp", "/var/tmp"),  # noqa: S108 - the machine's
        "/build",  # the ordinary user's home, where tests run
        "/etc/.pwd.lock",
        *(
            f"/etc/{file}{backup}"
            for file in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid")
            for backup in ("", "-")
        ),
        *("/etc/ld.so.cache", "/var/cache/ldconfig"),
        "/var/log",
    }
)


@dataclass(frozen=True)
class Plan:
    """What installing a package comes to."""

    version: str
    """The version chosen."""
    tested: bool
    """Whether it comes from the tested repository."""
    dependencies: tuple[str, ...]
    """The other packages that would be installed."""


class DependencyError(Exception):
    """A package cannot be installed with what the repositories hold; ``lines`` say why."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


class PackageClient(ABC):
    """apt or dnf on a machine; everything but what is said below is done without the network."""

    root_kind: str
    """The kind of root image that has it."""
    ignored: frozenset[str]
    """Paths it changes for itself."""

    @abstractmethod
    def configure(self, machine: Machine, repositories: Sequence[Repository]) -> None:
        """Add repositories, the tested one first, and read what they hold (network)."""

    @abstractmethod
    def plan(self, machine: Machine, name: str) -> Plan:
        """Say what installing a package comes to; DependencyError if it cannot be."""

    @abstractmethod
    def download(self, machine: Machine, names: Sequence[str]) -> None:
        """Fetch packages and what they need (network), no code of theirs is run.

        Raises DependencyError if they cannot be installed.
        """

    @abstractmethod
    def install(self, machine: Machine, names: Sequence[str]) -> Result:
        """Install downloaded packages."""

    @abstractmethod
    def installed(self, machine: Machine) -> dict[str, str]:
        """Return the version of each package that is properly installed."""

    @abstractmethod
    def remove(self, machine: Machine, names: Sequence[str]) -> Result:
        """Remove packages with their configuration."""

    @abstractmethod
    def audit(self, machine: Machine) -> set[str]:
        """Return what the package manager finds wrong with the system."""


class SystemFault(InfrastructureFault):
    """A command of the machine's system failed; once a package is installed, it is to blame."""


def expect(result: Result, what: str) -> str:
    """Return what a command of the system itself printed; SystemFault if it failed."""
    if not result.success:
        raise SystemFault(f"{what}: {result.why}", result.tail)
    return result.output.decode(errors="replace")
