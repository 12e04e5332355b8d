"""The schedulers of a site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.plugins import schedulers, util

from master.configurator.builders import triggered_builders
from schedulers import builder_names as names
from schedulers.check import CheckScheduler
from schedulers.force import ForceOfChange, ForceOfTip, ForceOnEarlier, ForceRebuild
from schedulers.gate import GateConfig, Job, Project, QueueKind, WindowRule
from schedulers.gate_shell.scheduler import GateScheduler
from schedulers.gate_shell.work import BUILD, TEST
from schedulers.ports import PackagePlan, ReleasePlan
from schedulers.publish import PublishScheduler
from steps.mirror import FULL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from master.gerrit.port import Gerrit
    from master.site import Site

_MINUTE = 60
_DAY = 24 * 60 * _MINUTE
_CLEANING_SECONDS = _DAY // 4
# Jobs that start from a change, and what the others need of an earlier check build.
_FROM_CHANGE = ("check", "gate", "build")
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
    """One queue for all projects of a release; a package is built once, tested on each state.

    A build waits for the packages of those ahead that it builds with.
    """
    builds_with: dict[str, set[str]] = {project: set() for project in plan.projects()}
    needed: dict[str, set[str]] = {project: set() for project in plan.projects()}
    for package in (site.packages[planned.name] for planned in plan.packages):
        others = {p for name in package.builds_with for p in site.packages[name].projects}
        for project in package.projects:
            builds_with[project] |= {*package.projects, *others} - {project}
            needed[project] |= others - set(package.projects)
            if package.format == "deb":
                # A new upstream version's archive is made once: by the first that has it.
                needed[project].add(project)
    window = site.gate.window
    return GateConfig(
        projects={
            project: Project(queue=plan.name, builds_with=tuple(sorted(others)))
            for project, others in builds_with.items()
        },
        queues={plan.name: QueueKind(per_branch=True)},
        jobs={
            project: (
                Job(
                    BUILD,
                    inputs=("own", "builds_with"),
                    provides=(project,),
                    requires=tuple(sorted(others)),
                ),
                Job(TEST, after=(BUILD,), inputs=("all",)),
            )
            for project, others in needed.items()
        },
        window=WindowRule(window.initial, window.floor, window.ceiling),
        restart_on_tip_move=True,
        max_lost=site.gate.attempts,
    )


def all_schedulers(site: Site, gerrit: Gerrit) -> list[Any]:
    """Check, gate and publish pipelines, one trigger per triggered builder, and the forms."""
    plans = release_plans(site)
    return [
        CheckScheduler(name="check", gerrit=gerrit, gate_user=site.gerrit.user, releases=plans),
        *(
            GateScheduler(
                name=names.gate_scheduler(plan.name),
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
        *_periodic(site),
        *_forms(gerrit, plans),
        *_forms_of_repositories(site),
        *_cleaning(),
        *_roots(site),
        *_keys(site),
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
            yield ForceOfTip(
                name=_identifier("force", "publish", plan.name, package.name),
                job="publish",
                gerrit=gerrit,
                release=plan,
                package=package,
            )
            yield ForceRebuild(
                name=_identifier("force", "rebuild", plan.name, package.name),
                job="rebuild",
                needs="state",
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


def _periodic(site: Site) -> Iterator[Any]:
    """What has to happen also when nobody changes anything."""
    for release, settings in site.releases.items():
        for package_format in site.formats_of(release):
            for mirror in settings.mirrors:
                # One that was down catches up; one that is up to date costs a request.
                yield schedulers.Periodic(
                    name=_identifier("catch-up", release, package_format, mirror),
                    builderNames=[names.of_mirror(release, package_format, mirror)],
                    periodicBuildTimer=site.repositories.mirror_minutes * _MINUTE,
                )
                # On Sunday night: all of it is read, here and there.
                yield schedulers.Nightly(
                    name=_identifier("compare", release, package_format, mirror),
                    builderNames=[names.of_mirror(release, package_format, mirror)],
                    properties={FULL: True},
                    dayOfWeek=6,
                    hour=4,
                    minute=23,
                )
        if "deb" in site.formats_of(release):
            # Only APT has clients that refuse a repository for its age; three refreshes may fail
            # before they do.
            yield schedulers.Periodic(
                name=_identifier("refresh", release),
                builderNames=[names.of_repository("refresh", release, "deb")],
                periodicBuildTimer=site.repositories.valid_days * _DAY // 4,
            )


def _roots(site: Site) -> Iterator[Any]:
    for name, worker in site.workers.items():
        if worker.roots is not None:
            builder = names.of_roots(name)
            # At night: it takes what a few builds take.
            yield schedulers.Nightly(
                name=_identifier("roots", name), builderNames=[builder], hour=3, minute=23
            )
            yield _form(builder)


def _keys(site: Site) -> Iterator[Any]:
    for name in site.workers_of("signer"):
        builder = names.of_keys(name)
        yield schedulers.Nightly(
            name=_identifier("keys", name), builderNames=[builder], hour=4, minute=23
        )
        yield _form(builder)


def _cleaning() -> Iterator[Any]:
    for cleaner in (names.CLEAN_ARTIFACTS, names.CLEAN_TESTS):
        yield schedulers.Periodic(
            name=_identifier(*cleaner.split("/")),
            builderNames=[cleaner],
            periodicBuildTimer=_CLEANING_SECONDS,
        )
        yield _form(cleaner)


def _forms_of_repositories(site: Site) -> Iterator[Any]:
    for release, settings in site.releases.items():
        for package_format in site.formats_of(release):
            yield _form(
                names.of_repository("rollback", release, package_format),
                util.StringParameter(
                    name="stamp",
                    label="generation to go back to (see `lockgate generations`)",
                    regex=r"^[0-9]{8}T[0-9]{6}\.[0-9]{6}Z$",
                    required=True,
                    size=28,
                ),
            )
            yield _form(names.of_repository("refresh", release, package_format))
            for mirror in settings.mirrors:
                yield _form(
                    names.of_mirror(release, package_format, mirror),
                    util.BooleanParameter(
                        name=FULL, label="compare every byte of the mirror", default=False
                    ),
                )


def _form(builder: str, *parameters: Any) -> Any:
    return schedulers.ForceScheduler(
        name=force_name(builder),
        builderNames=[builder],
        codebases=[util.CodebaseParameter(codebase="", hide=True)],
        buttonName=f"Force {builder}",
        reason=util.StringParameter(name="reason", label="reason", default="by hand", size=40),
        properties=list(parameters),
    )


def force_name(builder: str) -> str:
    """Name of the scheduler behind a builder's force button."""
    return _identifier("force", *builder.split("/"))


def _identifier(*words: str) -> str:
    """A Buildbot identifier: letters, digits, underscore and dash."""
    text = "-".join(words)
    return "".join(c if c.isalnum() or c in "_-" else f"_{ord(c):x}" for c in text)
