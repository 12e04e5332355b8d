"""What Lockgate says on a Gerrit change. Pure: from failures to words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_DETAIL_LINES = 20
_LONGEST_DETAIL = 3000


@dataclass(frozen=True)
class PackageResult:
    """How the check of one package came out."""

    builder: str
    url: str  # of the build's page
    passed: bool
    infrastructure: bool
    failures: tuple[dict[str, Any], ...]
    test_repository_url: str | None


def check_message(results: list[PackageResult]) -> str:
    """The verdict of the check pipeline on one patch set."""
    parts = [_heading(results)]
    for result in results:
        parts.append(f"{'PASSED' if result.passed else 'FAILED'} {result.builder}\n{result.url}")
        parts += [failure_text(failure) for failure in result.failures]
        if result.test_repository_url:
            parts.append(f"Test repository: {result.test_repository_url}")
    return "\n\n".join(parts)


def failure_text(failure: dict[str, Any]) -> str:
    """One failure: its stage, its reason, the first lines of why, and where the log is."""
    lines = [f"{failure['stage']}: {failure['reason']}"]
    detail = str(failure.get("detail", ""))[:_LONGEST_DETAIL].splitlines()[:_DETAIL_LINES]
    # A leading space makes Gerrit show the lines as they are.
    lines += [f" {line}" for line in detail]
    if failure.get("url"):
        lines.append(f"Log: {failure['url']}")
    return "\n".join(lines)


def _heading(results: list[PackageResult]) -> str:
    if all(result.passed for result in results):
        return "Check passed."
    if all(result.passed or result.infrastructure for result in results):
        return (
            "Check could not be finished: the infrastructure failed, not this change. "
            'Comment "recheck" to run it again.'
        )
    return "Check failed."
