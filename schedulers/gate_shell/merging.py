"""Merging what was tested, where it was tested, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from schedulers import ports
from schedulers.gate_shell.builds import HANDED_ON
from schedulers.gate_shell.memory import Publication
from schedulers.gate_shell.words import passed
from schedulers.requests import PatchSet

if TYPE_CHECKING:
    from schedulers.gate.actions import Submit, Tested
    from schedulers.gate_shell.context import Context

_PASSED = 2


@dataclass(frozen=True)
class Outcome:
    """What became of a submit."""

    merged: tuple[str, ...] = ()
    refused: str | None = None
    moved: tuple[str, str] | None = None
    """Project and branch that somebody pushed to past the gate; nothing was merged then."""


async def merge(context: Context, action: Submit) -> Outcome:
    """Ask Gerrit for each change of an item, in order, and note what is to be published.

    May be asked again after any interruption: what has merged meanwhile is found. Raises what the
    port raises when Gerrit does not answer.
    """
    merged: list[str] = []
    for change in action.changes:
        facts = (await context.gerrit.facts_of([change.change]))[change.change]
        if facts.status == "open":
            moved = await _moved(context, action)
            if moved is not None:
                if not merged:
                    return Outcome(moved=moved)
                return Outcome(tuple(merged), f"{moved[0]} was pushed to meanwhile")
            try:
                text = passed(len(action.changes))
                number = int(change.change)
                await context.gerrit.vote(number, change.revision, text, _PASSED)
                await context.gerrit.submit(number, change.revision)
            except ports.Refused as error:
                return Outcome(tuple(merged), str(error))
        elif facts.status == "abandoned":
            return Outcome(tuple(merged), "the change was abandoned")
        merged.append(change.change)
        await _note(context, action, change)
    return Outcome(tuple(merged))


async def _moved(context: Context, action: Submit) -> tuple[str, str] | None:
    """A branch that is not where the item's state was built, nor where we left it."""
    state, release = context.memory.states[action.state].projects, context.release
    packages = [p for change in action.changes for p in release.packages_of(change.project)]
    for project in sorted({project for package in packages for project in package.projects}):
        tip = await context.gerrit.branch_tip(project, release.branch)
        if tip not in (state[project]["tip"], context.memory.tips.get(project)):
            return project, release.branch
    return None


async def _note(context: Context, action: Submit, change: Tested) -> None:
    """Note where the branch is now, and what is to be published; once, however often it is told."""
    memory, release = context.memory, context.release
    own = PatchSet(
        change.project, change.branch, int(change.change), change.patchset, change.revision
    )
    tip = await context.gerrit.merged_as(own.number)
    if tip is not None:
        memory.tips[own.project] = tip
    tree = memory.states[action.state].projects[own.project]["tree"]
    approvals = await context.gerrit.approvals(own.number)
    known = {(known.package, known.patch_set) for known in memory.publications}
    for package in release.packages_of(own.project):
        made = memory.packages.get(change.change, {}).get(package.name, {})
        handed_on = {name: made[name] for name in HANDED_ON if name in made}
        handed_on |= {
            # Where somebody pushed at once the branch tells no more what merged: it is compared,
            # found to differ, and built again.
            "merged": {"project": own.project, "commit": tip or own.revision, "tree": tree},
            "approvals": approvals,
            "gate_builds": _builds_of(context, change.change, package.name),
        }
        if (package.name, own) not in known:
            memory.publications.append(Publication(package.name, own, handed_on))
    await context.remember()


def _builds_of(context: Context, change: str, package: str) -> list[str]:
    """Where Buildbot has what the gate ran for a change."""
    return [
        context.work.identity(name, started.builders[package])
        for name, started in context.memory.builds.items()
        if started.change == change and package in started.builders
    ]
