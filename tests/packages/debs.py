"""Real DEB packages, each built and published once, after those that its build needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.packages.table import SOURCE_PACKAGES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.packages.chain import Chain, Published


class Debs:
    """The packages of the table that were asked for."""

    def __init__(self, chain: Chain, sources: dict[str, Path]) -> None:
        self.chain = chain
        self._sources = sources
        self._published: dict[str, Published] = {}
        self._trees: dict[str, Path] = {}

    def tree(self, source: str) -> Path:
        """The tree that is built."""
        if source not in self._trees:
            self._trees[source] = self.chain.worker.tree(self._sources[source])
        return self._trees[source]

    def published(self, source: str) -> Published:
        """Build and publish a package, if that was not done yet."""
        if source not in self._published:
            for need in SOURCE_PACKAGES[source].needs:
                self.published(need)
            built = self.chain.build("--source", self.tree(source))
            self._published[source] = self.chain.publish(*built)
        return self._published[source]
