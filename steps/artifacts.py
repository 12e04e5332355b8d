"""Handing files from one build to another: uploaded to the master, fetched by hash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.plugins import steps, util
from twisted.internet import defer

from steps.program import WorkerProgram

if TYPE_CHECKING:
    from pathlib import Path

    from buildbot.process.properties import Properties


def keep_artifacts(folder: str, root: Path, url: str, **kwargs: Any) -> Any:
    """Upload a folder of results to the master's artifacts; the build page links to it."""
    place = util.Interpolate(
        "%(kw:root)s/%(prop:builder_slug)s-%(prop:buildnumber)s", root=str(root)
    )
    return steps.DirectoryUpload(
        workersrc=folder,
        masterdest=place,
        url=util.Interpolate("%(kw:url)s/%(prop:builder_slug)s-%(prop:buildnumber)s/", url=url),
        urlText="artifacts",
        name="keep-artifacts",
        maxsize=4 * 1024**3,
        haltOnFailure=True,
        **kwargs,
    )


class DescribeArtifacts(WorkerProgram):
    """Lists a folder's files and hashes as the property ``artifacts``."""

    def __init__(self, folder: str, url: str, **kwargs: Any) -> None:
        super().__init__(
            ["artifacts", "describe"],
            arguments=["--folder", folder, "--url", _artifacts_url(url)],
            answer="artifacts",
            name="describe-artifacts",
            **kwargs,
        )


class FetchArtifacts(WorkerProgram):
    """Fetches the files of a property made by :class:`DescribeArtifacts`, checking each hash."""

    def __init__(self, of: str, folder: str, **kwargs: Any) -> None:
        super().__init__(
            ["artifacts", "fetch"],
            arguments=["--into", folder, "--request", "/dev/stdin"],
            request=util.Property(of),
            name="fetch-artifacts",
            **kwargs,
        )


def _artifacts_url(url: str) -> Any:
    @util.renderer
    @defer.inlineCallbacks
    def place(properties: Properties) -> Any:
        rendered = yield properties.render(
            util.Interpolate("%(kw:url)s/%(prop:builder_slug)s-%(prop:buildnumber)s", url=url)
        )
        return rendered

    return place
