"""Where records of published files lie."""

from __future__ import annotations

STATEMENT = "statement.json"
"""Beside the text that is signed: the statement on what a generation adds."""
ENVELOPE = "statement.dsse.json"
"""The same, signed."""
FOLDER = "provenance"
"""Of the records in a repository."""


def record_path(path: str) -> str:
    """Path of the record of a file, both from the repository's root."""
    return f"{FOLDER}/{path}.json"
