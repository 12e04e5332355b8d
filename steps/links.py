"""Links on a build's page."""

from __future__ import annotations

from typing import Any

from buildbot.process.buildstep import BuildStep
from buildbot.process.results import SUCCESS
from twisted.internet import defer


def is_about_a_change(step: Any) -> bool:
    """Whether a build is about a change, and not about a branch's tip."""
    return bool(step.build.getProperties().getProperty("change_url"))


class LinkChange(BuildStep):
    """Links the Gerrit change a build is about."""

    name = "change"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(doStepIf=is_about_a_change, **kwargs)

    @defer.inlineCallbacks
    def run(self) -> Any:
        """Add the link."""
        words = f"change {self.getProperty('change')}, patch set {self.getProperty('patchset')}"
        yield self.addURL(words, self.getProperty("change_url"))
        self.descriptionDone = words
        return SUCCESS
