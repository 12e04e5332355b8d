"""What strangers wrote, as it may be shown on a terminal."""

from __future__ import annotations


def shown(text: str) -> str:
    """One line without anything that a terminal obeys: that is written as Python writes it."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
