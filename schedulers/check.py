"""The check pipeline's scheduler: a new patch set is built and tested on its branch's tip."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from buildbot.process.properties import Properties
from twisted.internet.defer import Deferred

from schedulers import builder_names, ports
from schedulers.events import EventScheduler
from schedulers.requests import PatchSet, build_properties, merge_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schedulers.ports import GerritPort, ReleasePlan

RECHECK = re.compile(r"^\s*recheck\b", re.IGNORECASE | re.MULTILINE)


class CheckScheduler(EventScheduler):
    """Starts ``check/RELEASE/PACKAGE`` for each package a patch set touches.

    Events come from Buildbot's changes, which the Gerrit change source and the reconciliation
    write; a patch set is started once, a comment starting with ``recheck`` starts it again.
    """

    def checkConfig(self, gerrit: GerritPort, releases: Sequence[ReleasePlan]) -> None:  # noqa: N802
        """Declare the builders that may be started."""
        del gerrit
        super().checkConfig(builderNames=_builders(releases))

    async def _reconfigure(self, gerrit: GerritPort, releases: Sequence[ReleasePlan]) -> None:
        await super().reconfigService(builderNames=_builders(releases))
        self.gerrit = gerrit
        self.releases = {release.branch: release for release in releases}

    def reconfigService(  # noqa: N802
        self, gerrit: GerritPort, releases: Sequence[ReleasePlan]
    ) -> Deferred[None]:
        """Take over the site's releases."""
        return Deferred.fromCoroutine(self._reconfigure(gerrit, releases))

    async def reconciled(self, numbers: list[str]) -> None:
        """Start the check of open patch sets that have had none, for whatever reason."""
        for number in numbers:
            proposed = await self.gerrit.patch_set(int(number), None)
            release = self.releases.get(proposed.branch)
            if release is not None:
                await self._check(release, proposed, f"check:{proposed.label}")

    async def take(self, change: Any) -> None:
        """Start what the event asks for."""
        event = change.properties
        release = self.releases.get(event.getProperty("event.change.branch"))
        if release is None:
            return
        if change.category == "comment-added":
            if not RECHECK.search(_comment(event.getProperty("event.comment", ""))):
                return
            # Each such comment is a request of its own.
            request_id = f"recheck:{change.number}"
        elif change.category == "patchset-created":
            request_id = "check"
        else:
            return
        proposed = PatchSet(
            project=change.project,
            branch=release.branch,
            number=int(event.getProperty("event.change.number")),
            patchset=int(event.getProperty("event.patchSet.number")),
            revision=event.getProperty("event.patchSet.revision"),
        )
        await self._check(release, proposed, f"{request_id}:{proposed.label}")

    async def _check(self, release: ReleasePlan, proposed: PatchSet, identity: str) -> None:
        packages = release.packages_of(proposed.project)
        if not packages or await self.is_started(identity):
            return
        # One buildset for all packages: their results make one vote.
        projects = sorted({project for package in packages for project in package.projects})
        sources = await ports.sources(self.gerrit, projects, release.branch)
        merge = merge_request(sources, [proposed])
        properties = Properties()
        url = self.gerrit.change_url(proposed.number)
        properties.update(build_properties(merge, proposed, url), "Change")
        await self.addBuildsetForSourceStampsWithDefaults(
            reason=f"change {proposed.number}, patch set {proposed.patchset}",
            sourcestamps=[
                {
                    "codebase": "",
                    "project": proposed.project,
                    # The same words as in Buildbot's change: the build page lists it, and newer
                    # patch sets supersede older ones.
                    "repository": next(s.url for s in sources if s.project == proposed.project),
                    "branch": proposed.ref,
                    "revision": proposed.revision,
                }
            ],
            external_idstring=identity,
            builderNames=[
                builder_names.of_package("check", release.name, package.name)
                for package in packages
            ],
            properties=properties,
        )


def _builders(releases: Sequence[ReleasePlan]) -> list[str]:
    return [
        builder_names.of_package("check", release.name, package.name)
        for release in releases
        for package in release.packages
    ]


def _comment(text: str) -> str:
    """The words of a Gerrit comment, without the line Gerrit puts above them."""
    return re.sub(r"^Patch Set \d+:.*\n+", "", text)
