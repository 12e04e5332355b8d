"""Reading a site file, with errors that name the file, the line, the key and the mend."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

from pydantic import ValidationError

from master.site.model import Site

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pydantic_core import ErrorDetails

_TABLE = re.compile(r"^\s*\[\[?\s*(?P<path>[^\]]+?)\s*\]\]?")
_KEY = re.compile(r"^\s*(?P<key>[\w.\"'-]+)\s*=")


class SiteFileError(Exception):
    """A site file that cannot be used; the text has one problem a line."""


def load_site(path: Path) -> Site:
    """Read and check a site file.

    Raises :class:`SiteFileError` listing every problem as ``FILE:LINE: KEY: what is wrong``.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SiteFileError(f"{path}: cannot be read: {error}") from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        place = f"{path}:{line[1]}" if line else str(path)
        raise SiteFileError(f"{place}: not valid TOML: {error}") from error
    try:
        return Site.model_validate(data)
    except ValidationError as error:
        problems = [line for detail in error.errors() for line in _explain(path, text, detail)]
        raise SiteFileError("\n".join(problems)) from error


def _explain(path: Path, text: str, detail: ErrorDetails) -> list[str]:
    keys = [str(part) for part in detail["loc"]]
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        message = "this key is not known here; look for a misspelling"
    elif detail["type"] == "missing":
        message = "this key is missing and has no default"
    elif "input" in detail and not isinstance(detail["input"], dict):
        message += f" (found: {detail['input']!r})"
    place = f"{path}:{_line_of(text, keys)}"
    key = ".".join(keys)
    return [f"{place}: {key + ': ' if key else ''}{line}" for line in message.splitlines()]


def _line_of(text: str, keys: Sequence[str]) -> int:
    """Line of a key, else of the innermost table around it that the file writes out, else 1."""
    best, best_depth = 1, 0
    table: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(line):
            table = _parts(header["path"])
            here = table
        elif key := _KEY.match(line):
            here = table + _parts(key["key"])
        else:
            continue
        if best_depth < len(here) <= len(keys) and list(keys[: len(here)]) == here:
            best, best_depth = number, len(here)
    return best


def _parts(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in dotted.split(".")]
