"""What a build's result depends on, and one name for all of it.

Builds are made so that the same inputs give the same packages; so one that was made is not made
again, whichever pipeline asks for it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from workers.files import sha256

# Folders of workers/: how a build is made, in what surroundings, with which of several versions of
# a dependency. Those of root images are part of an image's identity.
_PROGRAMS = ("build", "clients", "sandbox")


@dataclass(frozen=True)
class Inputs:
    """Everything a build is made of."""

    package_format: str
    trees: dict[str, str]
    """Git's ids of the trees, by what they are for: ``source``, ``packaging``."""
    root: str
    """Identity of the root image."""
    dependencies: tuple[str, ...] = ()
    """Packages installed over the image, each with the SHA-256 of its content."""
    options: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """SHA-256 over the inputs and over the programs that make a build of them."""
        top = Path(__file__).parents[1]
        sources = sorted(file for name in _PROGRAMS for file in (top / name).rglob("*.py"))
        programs = [sha256(file) for file in sources]
        told = json.dumps([asdict(self), programs], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()

    def words(self) -> dict[str, Any]:
        """For an answer."""
        return {**asdict(self), "key": self.key}
