"""The check pipeline's scheduler: a new patch set is built and tested on its branch's tip."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from buildbot.process.properties import Properties
from twisted.python import log

from schedulers import builder_names, ports
from schedulers.events import EventScheduler
from schedulers.requests import PatchSet, build_properties, merge_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twisted.internet.defer import Deferred

    from schedulers.events import EventPort
    from schedulers.ports import ReleasePlan

RECHECK = re.compile(r"^\s*recheck\b", re.IGNORECASE | re.MULTILINE)
_IDENTITY = re.compile(r"(?:check|recheck:[0-9]+):(?P<label>[0-9]+\.[0-9]+)")


def label_of(identity: str | None) -> str | None:
    """The patch set (``12.3``) that a check's buildset with this external id is about.

    None for buildsets of others.
    """
    match = _IDENTITY.fullmatch(identity or "")
    return None if match is None else match["label"]


class CheckScheduler(EventScheduler):
    """Starts ``check/RELEASE/PACKAGE`` for each package a patch set touches.

    Events come from Buildbot's changes, which the Gerrit change source and the reconciliation
    write; a patch set is started once, a comment starting with ``recheck`` starts it again.
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

    async def reconciled(self, proposed: list[PatchSet]) -> None:
        """Start the check of open patch sets that have had none, for whatever reason."""
        for patch_set in proposed:
            release = self.releases.get(patch_set.branch)
            if release is None:
                continue
            try:
                await self._check(release, patch_set, f"check:{patch_set.label}")
            except Exception:  # noqa: BLE001 - whatever it is, it must not stop the others
                log.err(None, f"{self.name}: {patch_set.label} cannot be started yet")

    async def take(self, change: Any) -> None:
        """Start what the event asks for."""
        event = change.properties
        release = self.releases.get(event.getProperty("event.change.branch"))
        if release is None:
            return
        if change.category == "comment-added":
            # Our own messages quote what a build printed, and that may be this very word.
            ours = event.getProperty("event.author.username") == self.gate_user
            if ours or not RECHECK.search(_comment(event.getProperty("event.comment", ""))):
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
