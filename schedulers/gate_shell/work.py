"""The gate's builds as Buildbot's buildsets: started, found again after a restart, read out.

Each has an external id made of the gate's and the build's names, so that nothing is started twice
and nothing is lost when the master stops between two steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.data.resultspec import Filter
from buildbot.process.properties import Properties
from buildbot.process.results import CANCELLED, EXCEPTION, SUCCESS, WARNINGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from schedulers.gate.events import Result

BUILD = "build"  # makes packages and their test repository
TEST = "test"  # installs them with the test repositories of those ahead


class Work:
    """One gate's buildsets."""

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler
        self.master = scheduler.master

    async def start(
        self,
        name: str,
        builder: str,
        reason: str,
        properties: Mapping[str, Any],
        stamp: Mapping[str, str],
    ) -> None:
        """Start a builder under a name, unless that was done before."""
        identity = self.identity(name, builder)
        if await self._buildsets(identity):
            return
        rendered = Properties()
        rendered.update(dict(properties), self.scheduler.name)
        await self.scheduler.addBuildsetForSourceStampsWithDefaults(
            reason=reason,
            sourcestamps=[{"codebase": "", **stamp}],
            properties=rendered,
            builderNames=[builder],
            external_idstring=identity,
        )

    async def cancel(self, name: str, builders: Iterable[str]) -> None:
        """Stop what was started under a name."""
        for builder in builders:
            for buildset in await self._buildsets(self.identity(name, builder)):
                for request in await self._requests(buildset["bsid"]):
                    if not request["complete"]:
                        self.master.data.control(
                            "cancel",
                            {"reason": "the gate needs it no more"},
                            ("buildrequests", request["buildrequestid"]),
                        )

    async def result(self, name: str, builders: Iterable[str]) -> Result | None:
        """How everything under a name ended; None while something is still to come.

        A failure of the infrastructure, as which counts what was cancelled by hand, is the loss of
        a worker to the gate: no verdict on the change.
        """
        worst: Result = "success"
        for builder in builders:
            buildsets = await self._buildsets(self.identity(name, builder))
            if not buildsets or not buildsets[0]["complete"]:
                return None
            results = buildsets[0]["results"]
            if results in (EXCEPTION, CANCELLED):
                worst = "worker-lost" if worst == "success" else worst
            elif results not in (SUCCESS, WARNINGS):
                worst = "failure"
        return worst

    async def properties(self, name: str, builder: str) -> dict[str, Any]:
        """Properties of the last build under a name."""
        for buildset in await self._buildsets(self.identity(name, builder)):
            for request in await self._requests(buildset["bsid"]):
                builds = await self.master.data.get(
                    ("buildrequests", request["buildrequestid"], "builds")
                )
                if builds:
                    last = max(build["buildid"] for build in builds)
                    found = await self.master.data.get(("builds", last, "properties"))
                    return {key: value[0] for key, value in found.items()}
        return {}

    def name_of(self, identity: str | None) -> str | None:
        """The name in an external id of ours."""
        prefix = f"{self.scheduler.name}:"
        if identity is None or not identity.startswith(prefix):
            return None
        return identity.removeprefix(prefix).partition(":")[0]

    def identity(self, name: str, builder: str) -> str:
        """The external id of what runs on a builder under a name."""
        return f"{self.scheduler.name}:{name}:{builder}"

    async def _buildsets(self, identity: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.master.data.get(
            ("buildsets",), filters=[Filter("external_idstring", "eq", [identity])]
        )
        return found

    async def _requests(self, bsid: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.master.data.get(
            ("buildrequests",), filters=[Filter("buildsetid", "eq", [bsid])]
        )
        return found


async def failures_of(work: Work, name: str, builders: Iterable[str]) -> list[dict[str, Any]]:
    """What the builds under a name say of why they failed."""
    failures: list[dict[str, Any]] = []
    for builder in builders:
        properties = await work.properties(name, builder)
        own = properties.get("failure")
        failures += properties.get("failures") or ([own] if own else [])
    return failures
