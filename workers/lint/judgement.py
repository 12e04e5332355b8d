"""Decides which of a linter's remarks forbid a change. Pure."""

from __future__ import annotations

import fnmatch
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workers.lint.tags import Severity, Tag
from workers.outcome import ChangeFault

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

_MOST_OVERRIDES = 1000
_WORST_FIRST = list(Severity)
_SHOWN = 20


@dataclass(frozen=True)
class Override:
    """One line of a package's overrides: what is accepted."""

    package: str
    """Pattern (fnmatch(3)) for the package as the linter calls it."""
    tag: str
    text: str
    """Pattern for the whole text."""

    def accepts(self, tag: Tag) -> bool:
        """Whether this remark is one it is about."""
        return (
            self.tag == tag.tag
            and fnmatch.fnmatchcase(tag.package, self.package)
            and fnmatch.fnmatchcase(tag.text, self.text)
        )


def read_overrides(text: str) -> list[Override]:
    """Read lines ``[PACKAGE: ]TAG[ TEXT]``; ``*`` stands for anything, ``#`` begins a comment line.

    Raises ChangeFault for a line that is none: the file is part of the change.
    """
    found: list[Override] = []
    for number, line in enumerate(text.splitlines(), start=1):
        said = line.strip()
        if not said or said.startswith("#"):
            continue
        before, separator, after = said.partition(": ")
        package, rest = (before, after) if separator else ("*", said)
        tag, _, pattern = rest.strip().partition(" ")
        if not package or not tag or len(found) == _MOST_OVERRIDES:
            raise ChangeFault(
                f"line {number} of the lint overrides is wrong: write '[PACKAGE: ]TAG[ TEXT]', "
                f"at most {_MOST_OVERRIDES} lines"
            )
        found.append(Override(package.strip(), tag, pattern.strip() or "*"))
    return found


def judge(
    tags: Iterable[Tag],
    *,
    suppressed: Collection[str],
    overrides: Sequence[Override],
) -> dict[str, Any]:
    """Return the remarks that are left, worst first, and how many there are of each severity.

    Raises ChangeFault if any is an error.
    """
    applicable = [tag for tag in tags if tag.tag not in suppressed]
    left = [tag for tag in applicable if not any(o.accepts(tag) for o in overrides)]
    left.sort(key=lambda tag: _WORST_FIRST.index(tag.severity))
    tally = Counter(tag.severity for tag in left)
    counts = {severity.value: tally[severity] for severity in Severity}
    answer: dict[str, Any] = {
        "tags": [
            {"severity": t.severity.value, "package": t.package, "tag": t.tag, "text": t.text}
            for t in left
        ],
        "counts": {**counts, "overridden": len(applicable) - len(left)},
    }
    bad = [tag for tag in left if tag.severity is Severity.ERROR]
    if bad:
        more = len(bad) - _SHOWN
        lines = [str(tag) for tag in bad[:_SHOWN]] + ([f"... and {more} more"] if more > 0 else [])
        raise ChangeFault(
            f"lint: {_many(len(bad))}, the first: {bad[0]}", "\n".join(lines), **answer
        )
    return answer


def _many(number: int) -> str:
    return "one remark that forbids" if number == 1 else f"{number} remarks that forbid"
