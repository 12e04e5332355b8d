"""Makes a speculative state: applies changes to a branch's tip the way Gerrit submits them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from workers.outcome import ChangeFault, InfrastructureFault
from workers.source.export import export_tree
from workers.source.merge import Merged, merge_trees
from workers.source.mirror import open_mirror
from workers.source.plan import Act, Position, act_for
from workers.source.tree import check_paths, list_tree, printable, some_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.source.mirror import Mirror
    from workers.source.request import Change, MergeRequest, Project


class ProjectState(NamedTuple):
    """One project of a speculative state."""

    tip: str
    """What the changes were merged on."""
    commit: str
    tree: str
    number: int
    """Commits on the first-parent line: higher for every submitted change."""
    merged: list[dict[str, Any]]


def make_state(request: MergeRequest) -> dict[str, Any]:
    """Merge all projects' changes and write the trees asked for; return the JSON answer.

    The same request with fixed tips gives the same commits on every worker. A tree that differs
    from the one expected is therefore an InfrastructureFault: the request named every input that
    an author has a hand in, so the branch moved meanwhile (no tip was given) or two workers merge
    differently, and neither is healed by a new patch set. A conflict is a ChangeFault.
    """
    answers = {}
    for project in request.projects:
        with open_mirror(request.work, project.url) as mirror:
            state = _merge_project(mirror, project)
            expected = (request.expect or {}).get(project.name)
            if expected not in (None, state.tree):
                raise InfrastructureFault(
                    f"merging {project.name} gave tree {state.tree}, not {expected} as before; "
                    f"the branch moved or this worker's git merges differently"
                )
            if request.export and project.name in request.export:
                export_tree(mirror.git, state.tree, request.export[project.name])
        answers[project.name] = state._asdict()
    return {"projects": answers}


def _merge_project(mirror: Mirror, project: Project) -> ProjectState:
    present = mirror.fetch(project.url, project.branch, project.changes)
    tip = project.tip or present
    if project.tip is None and project.at_tree is not None:
        found = mirror.with_tree(present, project.at_tree)
        if found is None:
            raise InfrastructureFault(
                f"no commit of branch {project.branch} of {project.name} has tree {project.at_tree}"
            )
        tip = found
    if not mirror.has(tip) or not mirror.is_ancestor(tip, present):
        raise InfrastructureFault(
            f"{tip} is no longer in branch {project.branch} of {project.name}: it was rewritten"
        )
    commit = tip
    merged: list[dict[str, Any]] = []
    for change in project.changes:
        check_paths(list_tree(mirror.git, change.revision))
        act, commit = _apply(mirror, project, change, commit, merged)
        merged.append({"number": change.number, "patchset": change.patchset, "how": act})
    return ProjectState(tip, commit, mirror.tree(commit), mirror.number(commit), merged)


def _apply(
    mirror: Mirror, project: Project, change: Change, tip: str, ahead: Sequence[dict[str, Any]]
) -> tuple[Act, str]:
    """Bring one change into the branch; return what was done and the new tip."""
    parents = mirror.parents(change.revision)
    position = Position(
        merged=mirror.is_ancestor(change.revision, tip),
        ahead=mirror.is_ancestor(tip, change.revision),
        parents=len(parents),
    )
    act = act_for(project.submit_type, position)
    text = f"Change {change.number}, patch set {change.patchset}, on {project.branch}"

    def merge(bases: Sequence[str]) -> str:
        merged = merge_trees(
            mirror.git, bases, tip, change.revision, content_merge=project.content_merge
        )
        if merged.tree is None:
            raise _conflict(project, change, ahead, merged)
        return merged.tree

    match act:
        case Act.NOTHING:
            return act, tip
        case Act.FAST_FORWARD:
            return act, change.revision
        case Act.MERGE:
            tree = merge(mirror.merge_bases(tip, change.revision))
            both = [tip, change.revision]
            return act, mirror.record(tree, both, both, text)
        case Act.CHERRY_PICK | Act.REBASE:
            tree = merge(parents)
            if act is Act.CHERRY_PICK and tree == mirror.tree(tip):
                return Act.NOTHING, tip
            return act, mirror.record(tree, [tip], [tip, change.revision], text)
        case Act.REFUSE_NO_FAST_FORWARD:
            raise _refusal(
                project,
                change,
                f"change {change.number} is not based on {_base(project, ahead)}, and "
                f"{project.name} takes fast-forwards only",
            )
        case Act.REFUSE_ROOT:
            raise _refusal(
                project, change, f"change {change.number} has no parent commit to be picked from"
            )


def _conflict(
    project: Project, change: Change, ahead: Sequence[dict[str, Any]], merged: Merged
) -> ChangeFault:
    files = [printable(path) for path in merged.conflicts]
    where = f"in {some_of(files)}" if files else "because their histories were merged crosswise"
    return _refusal(
        project,
        change,
        f"change {change.number} conflicts with {_base(project, ahead)} {where}",
        files,
    )


def _refusal(project: Project, change: Change, why: str, files: Sequence[str] = ()) -> ChangeFault:
    shown = f"Files in conflict:\n{chr(10).join(files)}\n\n" if files else ""
    return ChangeFault(
        f"{why}: rebase it and upload a new patch set",
        f"{shown}What to do, in a clone of {project.name} with the change checked out:\n"
        f"  git fetch origin {project.branch}\n"
        f"  git rebase FETCH_HEAD\n"
        f"  git push origin HEAD:refs/for/{project.branch}",
        conflict={"project": project.name, "change": change.number, "files": list(files)},
    )


def _base(project: Project, ahead: Sequence[dict[str, Any]]) -> str:
    tip = f"branch {project.branch} of {project.name}"
    if not ahead:
        return tip
    return f"{tip} with the changes ahead ({', '.join(str(c['number']) for c in ahead)})"
