"""What linters say about packages, read from what they print. Pure."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass


class Severity(enum.StrEnum):
    """How bad a linter finds something."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Tag:
    """One remark of a linter."""

    severity: Severity
    package: str
    """The package it is about, as the linter calls it (``hello source``, ``tree.x86_64``)."""
    tag: str
    """Its name, to be looked up with ``lintian-explain-tags`` or ``rpmlint --explain``."""
    text: str

    def __str__(self) -> str:
        """Show it on one line."""
        return f"{self.severity}: {self.package}: {self.tag} {self.text}".rstrip()


_LETTERS = {"E": Severity.ERROR, "W": Severity.WARNING, "I": Severity.INFO}
_LINTIAN = re.compile(r"(?P<letter>[EWI]): (?P<package>[^:]+): (?P<tag>[\w.+-]+)( (?P<text>.*))?")
_RPMLINT = re.compile(
    r"(?P<package>[^\s:]+)(:\d+)?: (?P<letter>[EWI]): (?P<tag>[\w.+-]+)( (?P<text>.*))?"
)


def read_lintian(printed: str) -> list[Tag]:
    """Read lintian's lines, ``E: package: tag text``."""
    return _read(_LINTIAN, printed)


def read_rpmlint(printed: str) -> list[Tag]:
    """Read rpmlint's lines, ``package.arch:LINE: E: tag text``."""
    return _read(_RPMLINT, printed)


def _read(form: re.Pattern[str], printed: str) -> list[Tag]:
    found = (form.fullmatch(line.strip()) for line in printed.splitlines())
    return [
        Tag(_LETTERS[m["letter"]], m["package"], m["tag"], (m["text"] or "").strip())
        for m in found
        if m
    ]
