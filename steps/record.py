"""The record of how a package came to be published; see `workers.provenance.record`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from buildbot.data.resultspec import Filter
from buildbot.process.buildstep import BuildStep
from buildbot.process.results import FAILURE, SUCCESS, Results
from twisted.internet.defer import Deferred

from steps.program import FAILURE_PROPERTY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_CHECKS_LOOKED_AT = 200
RECORD = "record"  # property: the record, handed on to where the package is published
APPROVALS = "approvals"  # property: votes on the change, as Gerrit told them when it was merged
GATE_BUILDS = "gate_builds"  # property: external ids of the gate's builds of the package


class MakeRecord(BuildStep):
    """Puts together the property ``record`` from the publish build's own ones and the database.

    Fails when the build is of what nobody merged: without a record nothing is published.
    ``checker`` is the builder of the package's checks.
    """

    name = "make-record"
    haltOnFailure = True  # noqa: N815 - Buildbot's name
    flunkOnFailure = True  # noqa: N815 - Buildbot's name

    def __init__(self, checker: str, **kwargs: Any) -> None:
        self.checker = checker
        super().__init__(**kwargs)

    def run(self) -> Deferred[int]:
        """Look up the builds that let it pass."""
        return Deferred.fromCoroutine(self._run())

    async def _run(self) -> int:
        properties = {name: value[0] for name, value in self.build.getProperties().asDict().items()}
        if reason := refusal(properties):
            failure = {"stage": self.name, "reason": reason, "detail": "", "infrastructure": False}
            self.setProperty(FAILURE_PROPERTY, failure, self.name)
            self.descriptionDone = reason
            return int(FAILURE)
        runs = await self._check_runs(properties)
        for identity in properties.get(GATE_BUILDS, []):
            runs += await self._runs(external_idstring=identity)
        # What was built because the merged tree differs from the tested one.
        runs += await self._runs(parent_buildid=self.build.buildid)
        own = await self.master.data.get(("builds", self.build.buildid))
        about = f"/{properties['release']}/{properties['package']}"
        record = record_of(
            properties,
            [run for run in runs if run["builder"].endswith(about)],
            await self._run_of(own),
        )
        self.setProperty(RECORD, record, self.name)
        self.descriptionDone = f"{len(record['runs'])} builds, {len(record['approvals'])} approvals"
        return int(SUCCESS)

    async def _check_runs(self, properties: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The newest successful check of the patch set, and what that triggered."""
        if "change" not in properties:
            return []
        builds = await self.master.data.get(
            ("builders", self.checker, "builds"),
            filters=[Filter("results", "eq", [SUCCESS])],
            order=["-number"],
            limit=_CHECKS_LOOKED_AT,
        )
        for build in builds:
            its = await self.master.data.get(("builds", build["buildid"], "properties"))
            if its["label"][0] == properties["label"]:
                return [
                    await self._run_of(build),
                    *await self._runs(parent_buildid=build["buildid"]),
                ]
        return []

    async def _runs(self, **which: Any) -> list[dict[str, Any]]:
        """Successful builds of some buildsets, and those that they triggered."""
        found = []
        for buildset in await self._found("buildsets", **which):
            for request in await self._found("buildrequests", buildsetid=buildset["bsid"]):
                for build in await self._found("builds", buildrequestid=request["buildrequestid"]):
                    if build["results"] == SUCCESS:
                        found.append(await self._run_of(build))
                        found += await self._runs(parent_buildid=build["buildid"])
        return found

    async def _found(self, kind: str, **equal: Any) -> list[dict[str, Any]]:
        filters = [Filter(field, "eq", [value]) for field, value in equal.items()]
        found: list[dict[str, Any]] = await self.master.data.get((kind,), filters=filters)
        return found

    async def _run_of(self, build: Mapping[str, Any]) -> dict[str, Any]:
        builder = await self.master.data.get(("builders", build["builderid"]))
        url = f"{self.master.config.buildbotURL}#/builders/{build['builderid']}"
        return {
            "builder": builder["name"],
            "url": f"{url}/builds/{build['number']}",
            "result": "running" if build["results"] is None else Results[build["results"]],
            "started": _moment(build["started_at"]),
            "finished": build["complete_at"] and _moment(build["complete_at"]),
        }


def refusal(properties: Mapping[str, Any]) -> str | None:
    """Why what a publish build is about may not be published, if so. Pure."""
    if "change" in properties and "merged" not in properties:
        return f"change {properties['change']} has not been merged by the gate"
    unmerged = [
        change["number"]
        for project in properties["merge_request"]["projects"]
        for change in project["changes"]
    ]
    if unmerged:
        return f"built with changes that are not on the branch: {', '.join(map(str, unmerged))}"
    return None


def record_of(
    properties: Mapping[str, Any], runs: Iterable[Mapping[str, Any]], publisher: Mapping[str, Any]
) -> dict[str, Any]:
    """The record, from what a publish build knows by name. Pure."""
    fetched = {project["name"]: project for project in properties["merge_request"]["projects"]}
    built, merged = properties["built"], properties.get("merged")
    inputs, identities = built["inputs"], built.get("identities", {})
    change = None
    if "change" in properties:
        change = {
            "number": properties["change"],
            "patchset": properties["patchset"],
            "revision": properties["revision"],
            "url": properties["change_url"],
        }
    return {
        "release": properties["release"],
        "package": properties["package"],
        "change": change,
        "approvals": properties.get(APPROVALS, []),
        "sources": [
            {
                "project": name,
                "url": fetched[name]["url"],
                "branch": fetched[name]["branch"],
                "commit": state["commit"],
                "tree": state["tree"],
            }
            for name, state in sorted(properties["state"]["projects"].items())
            if name in fetched
        ],
        "merged": merged and {**merged, "as_tested": properties["comparison"]["same"]},
        "inputs": {name: inputs[name] for name in ("key", "root", "dependencies", "options")},
        "built": {
            name: {"sha256": sha256, **identities.get(name, {})}
            for name, sha256 in built["files"].items()
        },
        "runs": list(runs),
        "publisher": publisher,
    }


def _moment(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
