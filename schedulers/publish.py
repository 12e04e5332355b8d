"""The publish pipeline's scheduler for what reached a branch without the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.process.properties import Properties

from schedulers import builder_names, ports
from schedulers.events import EventScheduler
from schedulers.requests import build_properties, merge_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twisted.internet.defer import Deferred

    from schedulers.events import EventPort
    from schedulers.ports import ReleasePlan


class PublishScheduler(EventScheduler):
    """Builds and publishes the tip when somebody pushed to a release's branch past the gate.

    What the gate merges is published by the gate's own scheduler, with what it built.
    """

    def checkConfig(  # noqa: N802 - Buildbot's name
        self, gerrit: EventPort, gate_user: str, releases: Sequence[ReleasePlan]
    ) -> None:
        """Declare the builders that may be started."""
        del gerrit, gate_user
        super().checkConfig(builderNames=_builders(releases))

    def reconfigService(  # noqa: N802 - Buildbot's name
        self, gerrit: EventPort, gate_user: str, releases: Sequence[ReleasePlan]
    ) -> Deferred[None]:
        """Take over the site's releases."""
        self.gerrit, self.gate_user = gerrit, gate_user
        self.releases = {release.branch: release for release in releases}
        return super().reconfigService(  # type: ignore[no-any-return]
            builderNames=_builders(releases)
        )

    async def take(self, change: Any) -> None:
        """Publish after a push that was not the gate's."""
        release = self.releases.get(change.branch)
        submitter = change.properties.getProperty("event.submitter.username")
        if change.category != "ref-updated" or release is None or submitter == self.gate_user:
            return
        packages = release.packages_of(change.project)
        identity = f"publish:{change.number}"
        if not packages or await self.is_started(identity):
            return
        projects = sorted({project for package in packages for project in package.projects})
        merge = merge_request(await ports.sources(self.gerrit, projects, release.branch), [])
        properties = Properties()
        properties.update(build_properties(merge, None), "Change")
        await self.addBuildsetForChanges(
            reason=f"{change.project} {change.branch} was pushed by {submitter}",
            external_idstring=identity,
            changeids=[change.number],
            builderNames=[
                builder_names.of_package("publish", release.name, package.name)
                for package in packages
            ],
            properties=properties,
        )


def _builders(releases: Sequence[ReleasePlan]) -> list[str]:
    return [
        builder_names.of_package("publish", release.name, package.name)
        for release in releases
        for package in release.packages
    ]
