"""The main job, told with real changes: proposed, checked, approved, gated, published."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from master.demo.progress import Line, Progress
from master.demo.proposals import Proposal, proposals
from master.demo.watching import Buildbot, published, stage, standing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from master.demo.people import Person
    from master.demo.ready import Ready
    from master.demo.watching import Build

_SECONDS = 900  # for the whole story; longer means something hangs
_LOOK_EVERY = 0.5  # seconds between two looks at Buildbot and Gerrit


@dataclass
class Told:
    """One change on its way through the story."""

    proposal: Proposal
    line: Line
    number: int = 0
    approved: bool = False
    rejected_with: str | None = None  # what its author reads in Gerrit
    seconds: dict[str, float] = field(default_factory=dict)  # when it was checked, merged, ...

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.line.good is not None


def tell(ready: Ready, work: Path, progress: Callable[[Sequence[Line]], Progress]) -> list[Told]:
    """Propose all changes and follow each to its end; the answer says what became of them."""
    work.mkdir(parents=True, exist_ok=True)
    maintainer, reviewer = ready.maintainer, ready.reviewer
    tales = [Told(p, Line(f"{p.project}: {p.title}")) for p in proposals(maintainer)]
    buildbot = Buildbot(ready.web)
    with progress([tale.line for tale in tales]) as show:
        for tale in tales:
            tale.line.began = time.monotonic()
            read = partial(maintainer.read, tale.proposal.project, work=work)
            edits = tale.proposal.edits(read)
            tale.number, _ = maintainer.propose(
                tale.proposal.project, tale.proposal.title, edits, work
            )
            tale.line.title = f"{tale.number} {tale.line.title}"
            show.move(tale.line, "waiting for check")
        deadline = time.monotonic() + _SECONDS
        while not all(tale.ended for tale in tales):
            # Asked once for all changes: each answer is work for the master.
            builds = buildbot.builds()
            for tale in tales:
                if not tale.ended:
                    _follow(tale, builds.get(tale.number, []), maintainer, reviewer, show)
            if time.monotonic() > deadline:
                for tale in tales:
                    if not tale.ended:
                        show.end(tale.line, f"did not end: {tale.line.stage}", good=False)
            time.sleep(_LOOK_EVERY)
    return tales


def _follow(
    tale: Told, builds: list[Build], maintainer: Person, reviewer: Person, show: Progress
) -> None:
    now = standing(maintainer, tale.number)
    if now.verified < 0:
        tale.rejected_with = now.messages[-1]
        expected = tale.proposal.rejected_because
        show.end(
            tale.line,
            "rejected",
            good=expected is not None and expected in tale.rejected_with,
        )
    elif now.status == "MERGED":
        tale.seconds.setdefault("merged", tale.line.seconds())
        come_out = published(builds, packages=1)
        if come_out is None:
            show.move(tale.line, stage(builds) or "merged")
        else:
            good = come_out and tale.proposal.rejected_because is None
            show.end(tale.line, "published" if come_out else "publishing failed", good=good)
    elif now.verified > 0 and not tale.approved:
        tale.seconds["checked"] = tale.line.seconds()
        reviewer.approve(tale.number)
        tale.approved = True
        show.move(tale.line, "approved")
    else:
        show.move(tale.line, stage(builds) or tale.line.stage)
