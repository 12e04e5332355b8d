"""Failures of builds in words that Gerrit takes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DETAIL_LINES = 20
_LONGEST_DETAIL = 3000
# Gerrit refuses a message of more than 16384 characters (change.commentSizeLimit): the rest of it
# is left to headings, reasons and addresses.
_ALL_DETAILS = 9000
_LONGEST_REASON = 300


def failure_texts(failures: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each failure: its stage, its reason, the first lines of why, and where the log is.

    The more there are, the less is said of each. A failure is what the properties ``failure`` and
    ``failures`` of a build hold: ``stage``, ``reason``, and where known ``detail`` and ``url``.
    """
    longest = min(_LONGEST_DETAIL, _ALL_DETAILS // max(1, len(failures)))
    return [_text(failure, longest) for failure in failures]


def _text(failure: Mapping[str, Any], longest: int) -> str:
    reason = str(failure.get("reason", "no reason given"))[:_LONGEST_REASON]
    lines = [f"{failure.get('stage', 'unknown stage')}: {reason}"]
    detail = str(failure.get("detail", ""))[:longest].splitlines()[:_DETAIL_LINES]
    # A leading space makes Gerrit show the lines as they are.
    lines += [f" {line}" for line in detail]
    if failure.get("url"):
        lines.append(f"Log: {failure['url']}")
    return "\n".join(lines)
