"""What a running demonstration tells those who want to use it: addresses and people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from master.demo.people import Person  # noqa: TC001 - pydantic reads the fields' types

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Ready:
    """Addresses, logins and folders of a running demonstration."""

    web: str
    operator: str
    operator_password: str
    gerrit: str
    repositories: str
    mirrors: dict[str, str]
    keys: dict[str, str]  # format -> address of the public key
    maintainer: Person
    reviewer: Person
    administrator: Person

    def write(self, path: Path) -> None:
        """Leave it for others; the file appears whole."""
        partial = path.with_suffix(".partial")
        partial.touch(mode=0o600)
        partial.write_bytes(_READY.dump_json(self, indent=2))
        partial.rename(path)

    @classmethod
    def read(cls, path: Path) -> Ready:
        """Read what :meth:`write` left."""
        return _READY.validate_json(path.read_bytes())


_READY = TypeAdapter(Ready)
