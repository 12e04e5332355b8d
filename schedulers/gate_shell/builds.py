"""Speculative states and the builds on them, as Buildbot's buildsets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from schedulers import builder_names, ports
from schedulers.gate_shell.memory import State
from schedulers.gate_shell.work import BUILD
from schedulers.requests import PatchSet, build_properties, merge_request

if TYPE_CHECKING:
    from schedulers.gate import ChangeFacts
    from schedulers.gate.actions import PrepareState, StartBuild
    from schedulers.gate_shell.context import Context
    from schedulers.ports import PackagePlan

# What a test or a publish takes over from the build before it.
HANDED_ON = ("artifacts", "built", "state", "test_repository", "test_repository_url")
AHEAD = "test_repositories_ahead"
Made = Literal["made", "conflict", "infrastructure"]


async def prepare(context: Context, action: PrepareState) -> None:
    """Have a state made, unless that was asked for before."""
    changes = [
        PatchSet(c.project, c.branch, int(c.change), c.patchset, c.revision) for c in action.changes
    ]
    context.memory.states.setdefault(action.state, State(changes))
    await context.remember()
    release = context.release
    packages = [p for c in changes for p in release.packages_of(c.project)]
    projects = sorted({project for package in packages for project in package.projects})
    sources = await ports.sources(context.gerrit, projects, release.branch)
    own = changes[-1]
    request = merge_request(sources, changes)
    properties = build_properties(request, own, context.gerrit.change_url(own.number))
    await context.work.start(
        action.state,
        builder_names.of_merge(release.name),
        f"gate: change {own.number} on {len(changes) - 1} ahead",
        properties,
        _stamp(own),
    )


async def state_made(context: Context, name: str) -> tuple[Made, str] | None:
    """What became of a state, with the reason if there is none; None while it is being made."""
    builder = builder_names.of_merge(context.release.name)
    result = await context.work.result(name, [builder])
    if result is None:
        return None
    properties = await context.work.properties(name, builder)
    failure = properties.get("failure") or {}
    reason = str(failure.get("reason", "no reason given"))
    if result == "success":
        state = context.memory.states.get(name)
        if state is not None:  # else nobody wants it any more
            state.projects = properties["state"]["projects"]
        return "made", ""
    return ("conflict" if failure.get("conflict") else "infrastructure"), reason


async def start(context: Context, action: StartBuild, facts: ChangeFacts) -> None:
    """Run a job for every package of a change, each unless that was asked for before."""
    release = context.release
    packages = release.packages_of(facts.project)
    job = "gate" if action.job == BUILD else "install-test"
    builders = {
        package.name: builder_names.of_package(job, release.name, package.name)
        for package in packages
    }
    context.memory.started(action.build, action.change, action.job, builders)
    await context.remember()
    own = PatchSet(facts.project, facts.branch, int(action.change), facts.patchset, facts.revision)
    for package in packages:
        await context.work.start(
            action.build,
            builders[package.name],
            f"gate: {action.job} of change {own.number}, patch set {own.patchset}",
            await _properties(context, action, own, package),
            _stamp(own),
        )


async def take_packages(context: Context, build: str) -> None:
    """Remember what a successful build made, for the tests and the publish build."""
    started = context.memory.builds[build]
    if started.job != BUILD:
        return
    for package, builder in started.builders.items():
        properties = await context.work.properties(build, builder)
        context.memory.packages.setdefault(started.change, {})[package] = {
            name: properties[name] for name in HANDED_ON if name in properties
        }


async def _properties(
    context: Context, action: StartBuild, own: PatchSet, package: PackagePlan
) -> dict[str, Any]:
    memory = context.memory
    # The state as it was made: what was ahead then may have merged since.
    state = memory.states[action.state]
    sources = await ports.sources(context.gerrit, package.projects, context.release.branch)
    request = merge_request(
        sources,
        state.changes,
        tips={project: made["tip"] for project, made in state.projects.items()},
        trees={project: made["tree"] for project, made in state.projects.items()},
    )
    properties = build_properties(request, own, context.gerrit.change_url(own.number))
    if action.job != BUILD:
        properties |= memory.packages.get(action.change, {}).get(package.name, {})
    ahead = [
        made["test_repository"]
        for change in action.ahead[::-1]
        for made in memory.packages.get(change, {}).values()
        if "test_repository" in made
    ]
    ahead += [p.test_repository for p in memory.publications[::-1] if p.test_repository]
    return {**properties, AHEAD: ahead}


def _stamp(own: PatchSet) -> dict[str, str]:
    return {"project": own.project, "branch": own.branch, "revision": own.revision}
