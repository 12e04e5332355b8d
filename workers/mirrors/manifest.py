"""What is known of a mirror, kept beside the repository from one sync to the next."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from workers import files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Manifest:
    """A mirror as the last sync left it."""

    commits: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each commit point it served then, by path."""
    next: dict[str, str] = field(default_factory=dict)
    """The same of those a sync was about to send; all that they need is there."""
    sure: dict[str, str] = field(default_factory=dict)
    """Identities of the files it has, by path."""
    maybe: list[str] = field(default_factory=list)
    """Paths that it may have, and that no generation may need any more."""
    remove_after: float = 0
    """Nothing is removed before, in seconds since 1970: clients read what was served till then."""

    def describes(self, served: Mapping[str, str | None]) -> bool:
        """Whether a mirror that serves these commit points is the one described here."""
        return bool(served) and all(
            digest is not None and digest in (self.commits.get(path), self.next.get(path))
            for path, digest in served.items()
        )


_MANIFEST = TypeAdapter(Manifest)


class Memory:
    """The manifest of one mirror on disk; one sync at a time uses it."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{name}.json"
        self._scratch = folder / f"{name}.partial"

    def load(self) -> Manifest:
        """What was kept; of a missing or damaged one nothing is known."""
        shutil.rmtree(self._scratch, ignore_errors=True)  # of a sync that was killed
        try:
            return _MANIFEST.validate_json(self._path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return Manifest()

    def keep(self, manifest: Manifest) -> None:
        """Keep it for the next sync."""
        files.write(self._path, _MANIFEST.dump_json(manifest), scratch=self._scratch)
