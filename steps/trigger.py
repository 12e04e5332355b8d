"""Running other builders as part of a build, and taking over what they found out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from buildbot.plugins import steps
from buildbot.process.results import SUCCESS, WARNINGS
from twisted.internet import defer

from steps.program import FAILURE_PROPERTY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FAILURES_PROPERTY = "failures"  # list of the failures of everything triggered


class RunBuilders(steps.Trigger):
    """Triggers builders, waits for them and takes properties over from their builds.

    ``pass_on`` names properties to start the triggered builds with, ``extra`` gives them further
    ones, ``gather`` names those to copy back from them, each where it is there. Without ``wait``
    they are started and left alone. Whatever failed is added to the property ``failures`` with the
    builder's name and the build's address.
    """

    renderables: ClassVar[Sequence[str]] = [*steps.Trigger.renderables, "extra"]

    def __init__(
        self,
        builders: Sequence[str],
        *,
        pass_on: Sequence[str] = (),
        extra: Mapping[str, Any] | None = None,
        gather: Sequence[str] = (),
        wait: bool = True,
        **kwargs: Any,
    ) -> None:
        self.pass_on = list(pass_on)
        self.extra = dict(extra or {})
        self.gather = list(gather)
        kwargs.setdefault("haltOnFailure", True)
        super().__init__(
            schedulerNames=list(builders), waitForFinish=wait, updateSourceStamp=False, **kwargs
        )

    def getSchedulersAndProperties(self) -> list[dict[str, Any]]:  # noqa: N802 - Buildbot's name
        """Each builder has a scheduler of its own name; all get the same properties."""
        build = self.build.getProperties()
        passed = {name: build[name] for name in self.pass_on if build.hasProperty(name)}
        passed |= self.extra
        return [
            {"sched_name": builder, "props_to_set": passed, "unimportant": False}
            for builder in self.schedulerNames
        ]

    @defer.inlineCallbacks
    def run(self) -> Any:
        """Trigger, wait, gather."""
        result = yield super().run()
        if not self.waitForFinish:
            return result
        for brid in self.brids:
            builds = yield self.master.data.get(("buildrequests", brid, "builds"))
            if not builds:
                continue
            last = max(builds, key=lambda build: build["buildid"])
            properties = yield self.master.data.get(("builds", last["buildid"], "properties"))
            for name in self.gather:
                if name in properties:
                    self.setProperty(name, properties[name][0], self.name)
            if "test_repository_url" in self.gather and "test_repository_url" in properties:
                yield self.addURL("test repository", properties["test_repository_url"][0])
            if last["results"] not in (SUCCESS, WARNINGS):
                yield self._keep_failure(last, properties)
        return result

    @defer.inlineCallbacks
    def _keep_failure(self, build: dict[str, Any], properties: dict[str, Any]) -> Any:
        builder = yield self.master.data.get(("builders", build["builderid"]))
        inner = properties.get(FAILURES_PROPERTY, (None, ""))[0]
        own = properties.get(FAILURE_PROPERTY, (None, ""))[0]
        found = inner or [
            {
                "stage": builder["name"],
                "reason": "ended without a reason; its log may tell",
                "detail": "",
                **(own or {}),
                "builder": builder["name"],
                "url": f"{self.master.config.buildbotURL}#/builders/{build['builderid']}"
                f"/builds/{build['number']}",
            }
        ]
        failures = [*self.getProperty(FAILURES_PROPERTY, []), *found]
        self.setProperty(FAILURES_PROPERTY, failures, self.name)
