"""The force button: forms whose fields are checked before a build is started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from buildbot.plugins import util
from buildbot.schedulers.forcesched import ForceScheduler, ValidationError
from twisted.internet.defer import Deferred

from schedulers import builder_names, ports
from schedulers.gate_shell.builds import HANDED_ON
from schedulers.requests import build_properties, merge_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schedulers.ports import GerritPort, PackagePlan, ReleasePlan
    from schedulers.requests import PatchSet


class ForceOfTip(ForceScheduler):
    """Builds the tip of the branch: what somebody merged, or pushed past the gate."""

    fields: ClassVar[Sequence[Any]] = ()

    def __init__(self, name: str, **kwargs: Any) -> None:
        # Buildbot's class wants the builders' names here; ours follow from the other settings.
        super(ForceScheduler, self).__init__(name=name, **kwargs)

    def checkConfig(  # noqa: N802 - Buildbot's name
        self, job: str, gerrit: GerritPort, release: ReleasePlan, package: PackagePlan
    ) -> None:
        """Check the form as Buildbot does."""
        del gerrit
        super().checkConfig(**_form(job, release, package, self.fields))

    def reconfigService(  # noqa: N802 - Buildbot's name
        self, job: str, gerrit: GerritPort, release: ReleasePlan, package: PackagePlan
    ) -> Deferred[None]:
        """Take over the site's settings."""
        self.gerrit, self.release, self.package = gerrit, release, package
        return super().reconfigService(  # type: ignore[no-any-return]
            **_form(job, release, package, self.fields)
        )

    def gatherPropertiesAndChanges(  # noqa: N802 - Buildbot's name
        self, collector: Any, **kwargs: Any
    ) -> Deferred[Any]:
        """Turn what the form says into what is to be merged."""
        return Deferred.fromCoroutine(self._gather(collector, kwargs))

    async def _gather(self, collector: Any, kwargs: dict[str, Any]) -> Any:
        properties, changes, stamps = await super().gatherPropertiesAndChanges(collector, **kwargs)
        collector.maybeRaiseCollectedErrors()
        proposed = await self._proposed(properties)
        merge = merge_request(
            await ports.sources(self.gerrit, self.package.projects, self.release.branch),
            [] if proposed is None else [proposed],
        )
        url = None if proposed is None else self.gerrit.change_url(proposed.number)
        properties.update(build_properties(merge, proposed, url), "Force Build Form")
        return properties, changes, stamps

    async def _proposed(self, properties: Any) -> PatchSet | None:
        """What is to be merged on the tip, out of the form's fields."""
        del properties
        return None


class ForceOfChange(ForceOfTip):
    """Builds a change on its branch's tip, or the tip itself when no change is named.

    Not for what publishes: whoever may press a button may not thereby approve.
    """

    fields = (
        util.StringParameter(
            name="change",
            label="change number (empty: the tip of the branch)",
            regex=r"^(|[1-9][0-9]{0,8})$",
            default="",
        ),
        util.StringParameter(
            name="patchset",
            label="patch set (empty: the current one)",
            regex=r"^(|[1-9][0-9]{0,4})$",
            default="",
        ),
    )

    async def _proposed(self, properties: Any) -> PatchSet | None:
        number = int(properties.getProperty("change") or 0)
        patchset = int(properties.getProperty("patchset") or 0)
        for name in ("change", "patchset"):
            properties.setProperty(name, None, "Force Build Form")
        return await self._patch_set(number, patchset or None) if number else None

    async def _patch_set(self, number: int, patchset: int | None) -> PatchSet:
        try:
            proposed = await self.gerrit.patch_set(number, patchset)
        except ports.NoSuchChange as error:
            raise ValidationError(str(error)) from error
        if proposed.project not in self.package.projects or proposed.branch != self.release.branch:
            raise ValidationError(
                f"change {number} is of {proposed.project} {proposed.branch}, which is no source "
                f"of {self.package.name} in release {self.release.name}"
            )
        return proposed


class ForceOnEarlier(ForceScheduler):
    """Runs one job again on what an earlier build made.

    The field ``build`` is the number of a build of the pipeline's builder; empty means its newest
    one that has the property ``needs``.
    """

    pipeline = "check"

    def __init__(self, name: str, **kwargs: Any) -> None:
        # Buildbot's class wants the builders' names here; ours follow from the other settings.
        super(ForceScheduler, self).__init__(name=name, **kwargs)

    def checkConfig(  # noqa: N802 - Buildbot's name
        self, job: str, needs: str, release: ReleasePlan, package: PackagePlan
    ) -> None:
        """Check the form as Buildbot does."""
        del needs
        super().checkConfig(**_form_on_earlier(self.pipeline, job, release, package))

    def reconfigService(  # noqa: N802 - Buildbot's name
        self, job: str, needs: str, release: ReleasePlan, package: PackagePlan
    ) -> Deferred[None]:
        """Take over the site's settings."""
        self.needs, self.release, self.package = needs, release, package
        return super().reconfigService(  # type: ignore[no-any-return]
            **_form_on_earlier(self.pipeline, job, release, package)
        )

    def gatherPropertiesAndChanges(  # noqa: N802 - Buildbot's name
        self, collector: Any, **kwargs: Any
    ) -> Deferred[Any]:
        """Take the properties of the earlier build over."""
        return Deferred.fromCoroutine(self._gather(collector, kwargs))

    async def _gather(self, collector: Any, kwargs: dict[str, Any]) -> Any:
        properties, changes, stamps = await super().gatherPropertiesAndChanges(collector, **kwargs)
        collector.maybeRaiseCollectedErrors()
        number = int(properties.getProperty("build") or 0)
        earlier = await self._earlier(number)
        found = {name: value for name, (value, _) in earlier.items()}
        properties.update(self.start_properties(found), "Force Build Form")
        return properties, changes, stamps

    def start_properties(self, earlier: dict[str, Any]) -> dict[str, Any]:
        """What the job is started with, out of all properties of the earlier build."""
        return {name: earlier[name] for name in (*_SUBJECT, *HANDED_ON) if name in earlier}

    async def _earlier(self, number: int) -> dict[str, Any]:
        name = builder_names.of_package(self.pipeline, self.release.name, self.package.name)
        builder_id = await self.master.data.updates.findBuilderId(name)
        if number:
            build = await self.master.data.get(("builders", builder_id, "builds", number))
            builds = [] if build is None else [build]
        else:
            builds = await self.master.data.get(("builders", builder_id, "builds"))
            builds = sorted(builds, key=lambda build: -build["number"])[:50]
        for build in builds:
            properties: dict[str, Any] = await self.master.data.get(
                ("builds", build["buildid"], "properties")
            )
            if self.needs in properties:
                return properties
        which = f"build {number} of {name}" if number else f"no build of {name}"
        raise ValidationError(f"{which} has not got as far as this job; name another build")


class ForceRebuild(ForceOnEarlier):
    """Builds again what was published, from the commits that have the same trees now."""

    pipeline = "publish"

    def start_properties(self, earlier: dict[str, Any]) -> dict[str, Any]:
        """Ask for the trees as they were built; what they were merged of is history now."""
        trees = {name: made["tree"] for name, made in earlier["state"]["projects"].items()}
        projects = [
            {**project, "tip": None, "changes": [], "at_tree": trees[project["name"]]}
            for project in earlier["merge_request"]["projects"]
        ]
        started = super().start_properties(earlier)
        del started["state"]  # its commits are not those of a merge on the tip any more
        return {
            **started,
            "merge_request": {"projects": projects, "expect": trees},
            "first_built": earlier["built"],
        }


_SUBJECT = ("merge_request", "label", "change", "patchset", "change_url")


def _form(
    job: str, release: ReleasePlan, package: PackagePlan, fields: Sequence[Any]
) -> dict[str, Any]:
    return {
        "builderNames": [builder_names.of_package(job, release.name, package.name)],
        "codebases": [util.CodebaseParameter(codebase="", hide=True)],
        "buttonName": f"Force {job} of {package.name}",
        "label": f"{job} of {package.name} in {release.name}",
        "reason": util.StringParameter(name="reason", label="reason", default="by hand", size=40),
        "properties": list(fields),
    }


def _form_on_earlier(
    pipeline: str, job: str, release: ReleasePlan, package: PackagePlan
) -> dict[str, Any]:
    of = builder_names.of_package(pipeline, release.name, package.name)
    build = util.StringParameter(
        name="build",
        label=f"number of a build of {of} (empty: newest)",
        regex=r"^(|[1-9][0-9]{0,8})$",
        default="",
    )
    return _form(job, release, package, [build])
