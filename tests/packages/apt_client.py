"""apt as somebody uses it who wants sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.workers.repository.clients import Apt

if TYPE_CHECKING:
    from pathlib import Path


class AptOfSources(Apt):
    """apt-get(8) that reads a repository's index of source packages as well."""

    def source(self, name: str) -> Path:
        """Fetch a source package, with every check of it made, and unpack it."""
        folder = self.state / "sources"
        folder.mkdir()
        self._run("apt-get", "source", name, folder=folder)
        (unpacked,) = [path for path in folder.iterdir() if path.is_dir()]
        return unpacked

    def _configure(self, configuration: Path) -> None:
        super()._configure(configuration)
        listed = self.state / "etc/sources.list"
        lines = listed.read_text()
        listed.write_text(lines + lines.replace("deb ", "deb-src ", 1))
