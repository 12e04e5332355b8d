"""The schedulers of a site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.plugins import schedulers

from master.configurator.builders import triggered_builders
from schedulers.check import CheckScheduler
from schedulers.force import ForceOfChange, ForceOnEarlier
from schedulers.gate import GateConfig, Job, Project, QueueKind, WindowRule
from schedulers.gate_queue import GateScheduler
from schedulers.gate_work import BUILD, TEST
from schedulers.ports import PackagePlan, ReleasePlan
from schedulers.publish import PublishScheduler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from master.gerrit.port import Gerrit
    from master.site import Site

_MAX_LOST = 5  # workers, before a change leaves the gate without a verdict on it
# Jobs that start from a change, and what the others need of an earlier check build.
_FROM_CHANGE = ("check", "gate", "publish", "build")
_FROM_EARLIER = {
    "test-repository": "artifacts",
    "lint": "artifacts",
    "install-test": "test_repository",
}


def release_plans(site: Site) -> list[ReleasePlan]:
    """What the schedulers must know of the site's releases and packages."""
    return [
        ReleasePlan(
            name=name,
            branch=release.branch,
            packages=tuple(
                PackagePlan(package_name, package.projects)
                for package_name, package in site.packages.items()
                if name in package.releases
            ),
        )
        for name, release in site.releases.items()
    ]


def gate_config(site: Site, plan: ReleasePlan) -> GateConfig:
    """One queue for all projects of a release; a package is built once, tested on each state."""
    builds_with: dict[str, set[str]] = {project: set() for project in plan.projects()}
    for package in plan.packages:
        for project in package.projects:
            builds_with[project] |= set(package.projects) - {project}
    window = site.gate.window
    return GateConfig(
        projects={
            project: Project(queue=plan.name, builds_with=tuple(sorted(others)))
            for project, others in builds_with.items()
        },
        queues={plan.name: QueueKind(per_branch=True)},
        jobs={
            "default": (
                Job(BUILD, inputs=("own", "builds_with")),
                Job(TEST, after=(BUILD,), inputs=("all",)),
            )
        },
        window=WindowRule(window.initial, window.floor, window.ceiling),
        attempts=site.gate.attempts,
        restart_on_tip_move=True,
        max_lost=_MAX_LOST,
    )


def all_schedulers(site: Site, gerrit: Gerrit) -> list[Any]:
    """Check, gate and publish pipelines, one trigger per triggered builder, and the forms."""
    plans = release_plans(site)
    return [
        CheckScheduler(name="check", gerrit=gerrit, releases=plans),
        *(
            GateScheduler(
                name=f"gate-{plan.name}",
                gerrit=gerrit,
                gate_user=site.gerrit.user,
                release=plan,
                config=gate_config(site, plan),
            )
            for plan in plans
        ),
        PublishScheduler(name="publish", gerrit=gerrit, gate_user=site.gerrit.user, releases=plans),
        *(
            schedulers.Triggerable(name=name, builderNames=[name])
            for name in triggered_builders(site)
        ),
        *_forms(gerrit, plans),
    ]


def _forms(gerrit: Gerrit, plans: list[ReleasePlan]) -> Iterator[Any]:
    for plan in plans:
        for package in plan.packages:
            for job in _FROM_CHANGE:
                yield ForceOfChange(
                    name=_identifier("force", job, plan.name, package.name),
                    job=job,
                    gerrit=gerrit,
                    release=plan,
                    package=package,
                )
            for job, needs in _FROM_EARLIER.items():
                yield ForceOnEarlier(
                    name=_identifier("force", job, plan.name, package.name),
                    job=job,
                    needs=needs,
                    release=plan,
                    package=package,
                )


def _identifier(*words: str) -> str:
    """A Buildbot identifier: letters, digits, underscore and dash."""
    text = "-".join(words)
    return "".join(c if c.isalnum() or c in "_-" else f"_{ord(c):x}" for c in text)
