"""The way from a repository's signed text down to each of its packages, whatever its format."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from workers.repository.generations import moment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from workers.provenance.findings import Findings
    from workers.provenance.trust import Trust
    from workers.provenance.unpacking import Content
    from workers.repository.package import Published

_STAMP = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{6}Z")


@dataclass(frozen=True)
class Generation:
    """What a signed text leads to."""

    stamp: str
    valid_until: datetime | None
    """When clients begin to refuse it."""
    packages: set[Published] = field(default_factory=set)
    """As descriptions of generations name them."""
    files: dict[Published, Content] = field(default_factory=dict)
    """All files; each of a source package's is named like the package."""


class Chain(Protocol):
    """Follows one kind of repository."""

    @property
    def commit_point(self) -> str:
        """The file whose renaming publishes."""
        ...

    def generation(self, findings: Findings, stamp: str | None) -> Generation | None:
        """What a generation lists, the published one for None; its indexes are checked.

        Answers None where nothing that is signed tells.
        """
        ...

    def links(self, stamp: str) -> Mapping[str, str]:
        """Symbolic links that belong to a generation, each with where it leads to."""
        ...

    def compare(self, one: str, other: str) -> int:
        """Order of two versions."""
        ...

    def look_into(self, findings: Findings, trust: Trust, path: str, local: Path) -> dict[str, str]:
        """Look at a package's own signature; what it is known by besides its SHA-256."""
        ...


def is_stamp(text: str) -> bool:
    """Whether a text can be a generation's name."""
    if _STAMP.fullmatch(text) is None:
        return False
    try:
        moment(text)
    except ValueError:
        return False
    return True
