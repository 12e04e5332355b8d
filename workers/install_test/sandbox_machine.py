"""A machine that is a disposable root on the worker itself."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from workers.install_test.machine import Machine
from workers.outcome import InfrastructureFault
from workers.sandbox import Bind, Sandbox, Stop

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from workers.install_test.machine import Manifest
    from workers.sandbox import Limits, Result


class SandboxMachine(Machine):
    """See :class:`workers.sandbox.Sandbox`; ``network`` is the worker's own."""

    def __init__(self, image: Path, limits: Limits, source: Path | None) -> None:
        self._image = image
        self._limits = limits
        self._binds = [] if source is None else [Bind(source, self.SOURCE)]
        self._opened = contextlib.ExitStack()
        self._sandbox: Sandbox

    def prepare(self) -> None:
        """Start the sandbox."""
        sandbox = Sandbox(self._image, limits=self._limits, binds=self._binds)
        self._sandbox = self._opened.enter_context(sandbox)

    def put(self, path: str, content: bytes) -> None:
        """Write a file."""
        self._sandbox.write(path, content)

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
        """Run a command; no process of it is left afterwards."""
        result = self._sandbox.run(
            command,
            as_root=as_root,
            network=network,
            environment=environment,
            folder=folder,
            capture=capture,
        )
        if result.stopped is Stop.HOST:
            raise InfrastructureFault(f"{command[0]}: {result.why}", result.tail)
        return result

    def fetch(self, path: str) -> bytes:
        """Read a file, following no link."""
        return self._sandbox.read(path)

    def manifest(self, exclude: Collection[str]) -> Manifest:
        """Compare with the image."""
        return self._sandbox.changes(exclude)

    def discard(self) -> None:
        """End the sandbox."""
        self._opened.close()
