"""What a demonstration shows of itself: addresses, what became of the changes, where time went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from master.demo.ready import Ready
    from master.demo.story import Told

_DETAIL_LINES = 6  # of each failure


def addresses(ready: Ready) -> Table:
    """What there is, where, and how to log in."""
    table = Table(box=None, pad_edge=False)
    for heading in ("what", "where", "login"):
        table.add_column(heading, no_wrap=True)
    table.add_row("Buildbot", ready.web, f"{ready.operator} / {ready.operator_password}")
    administrator = ready.administrator
    table.add_row(
        "Gerrit (REST, git)", ready.gerrit, f"{administrator.name} / {administrator.password}"
    )
    table.add_row("Repositories", ready.repositories, "")
    for name, url in ready.mirrors.items():
        table.add_row(f"Mirror {name}", url, "")
    return table


def changes(tales: Sequence[Told]) -> Table:
    """How each change ended, and when."""
    table = Table(title="What became of the changes", title_justify="left")
    for heading in ("change", "end", "as it should", "checked", "merged", "ended"):
        table.add_column(heading)
    for tale in tales:
        times = [
            f"{tale.seconds[event]:.0f} s" if event in tale.seconds else ""
            for event in ("checked", "merged")
        ]
        table.add_row(
            tale.line.title,
            tale.line.stage,
            "yes" if tale.line.good else "NO",
            *times,
            f"{tale.line.seconds():.0f} s",
        )
    return table


def rejections(tales: Sequence[Told]) -> Iterator[str]:
    """For each rejected change the first lines of what its author reads in Gerrit.

    This Gerrit has no web pages on which to look it up.
    """
    for tale in tales:
        if tale.rejected_with is None:
            continue
        yield f"{tale.line.title}\n  was told in Gerrit:"
        details = 0
        # The first line is Gerrit's own, about patch set and vote.
        for line in tale.rejected_with.splitlines()[1:]:
            details = details + 1 if line.startswith(" ") else 0
            if line.strip() and details <= _DETAIL_LINES:
                yield f"    {line}"


def times(runs: Mapping[str, Mapping[str, float]]) -> Table:
    """How long each part took, in seconds, in each run; the last one has all parts."""
    table = Table(title="Where the time went", title_justify="left")
    table.add_column("part")
    for heading in runs:
        table.add_column(heading, justify="right")
    *_, this_run = runs.values()
    for part in this_run:
        table.add_row(part, *(f"{run[part]:.1f} s" if part in run else "" for run in runs.values()))
    return table
