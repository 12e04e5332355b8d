"""How the checks of a patch set came out, as Buildbot's database has it."""

from __future__ import annotations

from typing import Any

from buildbot.data.resultspec import Filter
from buildbot.reporters.utils import getURLForBuild, getURLForBuildrequest

from master.gerrit.messages import PackageResult, package_result
from schedulers.check import label_of

_EVERY_CHECK = "check:"  # part of all their external ids


async def ended_since(master: Any, seconds: int) -> set[str]:
    """Labels (``12.3``) of patch sets with a check that ended since then, or may have."""
    ended = await _buildsets(
        master,
        _EVERY_CHECK,
        Filter("complete", "eq", [True]),
        Filter("complete_at", "ge", [seconds]),
    )
    # A master that died with the last build may have left its buildset as it was.
    ended += await _buildsets(master, _EVERY_CHECK, Filter("complete", "eq", [False]))
    labels = (label_of(buildset["external_idstring"]) for buildset in ended)
    return {label for label in labels if label is not None}


async def check_results(master: Any, label: str) -> list[PackageResult] | None:
    """The newest result of each package of a patch set, by builder.

    Rebuilds replace the result of one package, rechecks those of all. None while something is
    still to come, or where nothing was started.
    """
    newest: dict[int, dict[str, Any]] = {}
    for buildset in await _buildsets(master, f":{label}"):
        if label_of(buildset["external_idstring"]) != label:
            continue
        if buildset["rebuilt_buildid"] is None:
            newest = {}
        requests = await master.data.get(
            ("buildrequests",), filters=[Filter("buildsetid", "eq", [buildset["bsid"]])]
        )
        newest |= {request["builderid"]: request for request in requests}
    if not newest or not all(request["complete"] for request in newest.values()):
        return None
    results = [await _result(master, request) for request in newest.values()]
    return sorted(results, key=lambda result: result.builder)


async def _buildsets(master: Any, part: str, *filters: Filter) -> list[dict[str, Any]]:
    """Buildsets with this in their external id, oldest first."""
    found: list[dict[str, Any]] = await master.data.get(
        ("buildsets",),
        filters=[Filter("external_idstring", "contains", [part]), *filters],
        order=["bsid"],
    )
    return found


async def _result(master: Any, request: dict[str, Any]) -> PackageResult:
    builder = await master.data.get(("builders", request["builderid"]))
    number = request["buildrequestid"]
    builds = await master.data.get(("buildrequests", number, "builds"))
    if not builds:  # cancelled before it began
        url = getURLForBuildrequest(master, number)
        return package_result(builder["name"], url, request["results"], {})
    last = max(builds, key=lambda build: build["buildid"])
    properties = await master.data.get(("builds", last["buildid"], "properties"))
    return package_result(
        builder["name"],
        getURLForBuild(master, last["builderid"], last["number"]),
        request["results"],
        {name: value for name, (value, _source) in properties.items()},
    )
