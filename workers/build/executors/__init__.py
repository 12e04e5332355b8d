"""Where RPM packages are built: in a sandbox of the worker's own, or by mock(1).

Both are handed the SRPM that was made in the sandbox, and both put the packages there, where
strangers' files can do no harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Executor(Protocol):
    """Makes packages of one SRPM; its methods are called once each, in this order."""

    def fetch_dependencies(self, source_package: str) -> tuple[str, ...]:
        """Fetch what the SRPM at a path of the sandbox asks for.

        Answer everything that the build is made with besides the root image, each with its digest.
        """
        ...

    def build(self) -> Sequence[str]:
        """Build without network; answer the packages' paths in the sandbox."""
        ...

    def close(self) -> None:
        """Leave nothing behind on the worker; also after a failure."""
        ...
