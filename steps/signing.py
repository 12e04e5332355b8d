"""Signing, on the signer's worker only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.plugins import util
from buildbot.process.buildstep import BuildStep
from buildbot.process.results import FAILURE, SUCCESS
from twisted.internet import defer

from steps.program import FAILURE_PROPERTY, WorkerProgram

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

REQUESTER = "requester"  # property: the build a signature is made for
SIGNED = "signed"  # folder below the build's working folder


class CheckRequester(BuildStep):
    """Lets a signature be made only for a build of one builder, as Buildbot's database knows it.

    Whoever starts this builder by hand, or again, gets no signature.
    """

    name = "check-requester"
    haltOnFailure = True  # noqa: N815 - Buildbot's name
    flunkOnFailure = True  # noqa: N815 - Buildbot's name

    def __init__(self, requester: str, **kwargs: Any) -> None:
        self.requester = requester
        super().__init__(**kwargs)

    @defer.inlineCallbacks
    def run(self) -> Any:
        """Look up which build asked, and whether it still waits."""
        buildset = yield self.master.data.get(("buildsets", self.build.requests[0].bsid))
        asking = None
        if buildset["parent_buildid"] is not None:
            asking = yield self.master.data.get(("builds", buildset["parent_buildid"]))
        if asking is not None and not asking["complete"]:
            builder = yield self.master.data.get(("builders", asking["builderid"]))
            if builder["name"] == self.requester:
                name = f"{builder['name']}/{asking['number']}"
                self.setProperty(REQUESTER, name, self.name)
                self.descriptionDone = name
                return SUCCESS
        reason = f"only a running build of {self.requester} is given a signature"
        failure = {"stage": self.name, "reason": reason, "detail": "", "infrastructure": False}
        self.setProperty(FAILURE_PROPERTY, failure, self.name)
        self.descriptionDone = reason
        return FAILURE


class SignMetadata(WorkerProgram):
    """Signs what a generation is committed with; the signatures are left in ``signed``.

    So are the public keys, and those ``trusted`` for what they signed before.
    """

    def __init__(
        self,
        repository: str,
        home: Path,
        keys: Sequence[str],
        trusted: Sequence[str],
        staged: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            ["sign", "metadata"],
            arguments=[
                *("--home", str(home), *(word for key in keys for word in ("--key", key))),
                *(word for key in trusted for word in ("--trusted", key)),
                *("--staged", staged, "--out", SIGNED, *_for_the_log(repository)),
            ],
            name="sign-metadata",
            **kwargs,
        )

    def succeeded(self, answer: dict[str, Any]) -> None:
        """Show which line of the signer's log tells of it, for ``sign log verify``."""
        self.setProperty("log_line", answer["line"], self.name)


class SignRpms(WorkerProgram):
    """Signs each RPM of a folder; header and payload digests must stay what was tested."""

    def __init__(self, repository: str, home: Path, key: str, unsigned: str, **kwargs: Any) -> None:
        super().__init__(
            ["sign", "rpm"],
            arguments=[
                *("--home", str(home), "--key", key, "--in", unsigned, "--out", SIGNED),
                *_for_the_log(repository),
            ],
            name="sign-RPM-packages",
            **kwargs,
        )


def _for_the_log(repository: str) -> tuple[Any, ...]:
    return (
        *("--repository", repository),
        *("--build", util.Interpolate("%(prop:buildername)s/%(prop:buildnumber)s")),
        *("--requester", util.Property(REQUESTER)),
    )
