"""Signing, on the signer's worker only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.plugins import util
from buildbot.process.buildstep import BuildStep
from buildbot.process.results import FAILURE, SUCCESS
from twisted.internet import defer

from steps.program import FAILURE_PROPERTY, WorkerProgram, property_or_none
from steps.record import RECORD

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

REQUESTER = "requester"  # property: the builds a signature is made for
SIGNED = "signed"  # folder below the build's working folder


class CheckRequester(BuildStep):
    """Lets a signature be made only for a chain of running builds that wait for it.

    ``chain`` says which builders' builds may be in it: first those that may ask for the signature,
    then those that may have asked for these, and so on. Buildbot's database knows which build
    triggered which, and waits for it; a build that somebody forced or started again has nobody
    waiting.
    """

    name = "check-requester"
    haltOnFailure = True  # noqa: N815 - Buildbot's name
    flunkOnFailure = True  # noqa: N815 - Buildbot's name

    def __init__(self, chain: Sequence[Collection[str]], **kwargs: Any) -> None:
        self.chain = chain
        super().__init__(**kwargs)

    @defer.inlineCallbacks
    def run(self) -> Any:
        """Go up from this build to the one that began it all."""
        request = self.build.requests[0].id
        found: list[str] = []
        for allowed in self.chain:
            asking = yield self._waiting_for(request)
            if asking is None or asking["builder"] not in allowed:
                return self._refuse(found[-1] if found else "this build")
            found.append(f"{asking['builder']}/{asking['number']}")
            request = asking["buildrequestid"]
        self.setProperty(REQUESTER, " for ".join(found), self.name)
        self.descriptionDone = found[0]
        return SUCCESS

    @defer.inlineCallbacks
    def _waiting_for(self, request_id: int) -> Any:
        """The running build that triggered a request and waits for it, if there is one."""
        request = yield self.master.data.get(("buildrequests", request_id))
        buildset = yield self.master.data.get(("buildsets", request["buildsetid"]))
        # One that is built again keeps its parent, which may still run and waits for the first.
        if not request["waited_for"] or buildset["parent_buildid"] is None:
            return None
        asking = yield self.master.data.get(("builds", buildset["parent_buildid"]))
        if asking["complete"]:
            return None
        builder = yield self.master.data.get(("builders", asking["builderid"]))
        return {**asking, "builder": builder["name"]}

    def _refuse(self, asked: str) -> int:
        reason = f"no running build that may ask for it waits for {asked}: nothing is signed"
        failure = {"stage": self.name, "reason": reason, "detail": "", "infrastructure": False}
        self.setProperty(FAILURE_PROPERTY, failure, self.name)
        self.descriptionDone = reason
        return int(FAILURE)


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
                *("--home", str(home), *_keys(keys, trusted)),
                *("--staged", staged, "--out", SIGNED, *_for_the_log(repository)),
                _told_the_record,
            ],
            request=property_or_none(RECORD),
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
                _told_the_record,
            ],
            request=property_or_none(RECORD),
            name="sign-RPM-packages",
            **kwargs,
        )


class CheckKeys(WorkerProgram):
    """Warns of keys of a repository that expire soon, fails for one that cannot sign."""

    def __init__(
        self,
        repository: str,
        home: Path,
        keys: Sequence[str],
        trusted: Sequence[str],
        **kwargs: Any,
    ) -> None:
        super().__init__(
            ["sign", "keys", "check"],
            arguments=["--home", str(home), "--repository", repository, *_keys(keys, trusted)],
            name=f"keys-of-{repository.replace('/', '-')}",
            haltOnFailure=False,  # the other repositories' are looked at all the same
            **kwargs,
        )


class VerifyLog(WorkerProgram):
    """Sees whether the log of what was signed is as it was written."""

    def __init__(self, home: Path, **kwargs: Any) -> None:
        super().__init__(
            ["sign", "log", "verify"],
            arguments=["--home", str(home)],
            name="verify-log",
            **kwargs,
        )

    def succeeded(self, answer: dict[str, Any]) -> None:
        """Say how long it is."""
        self.descriptionDone = f"{answer['lines']} lines"


@util.renderer
def _told_the_record(properties: Any) -> list[str]:
    """Where packages come from, if there are any; a repository worker has had no hand in it."""
    return ["--record", "/dev/stdin"] if properties.hasProperty(RECORD) else []


def _keys(keys: Sequence[str], trusted: Sequence[str]) -> list[str]:
    named = [word for key in keys for word in ("--key", key)]
    return [*named, *(word for key in trusted for word in ("--trusted", key))]


def _for_the_log(repository: str) -> tuple[Any, ...]:
    return (
        *("--repository", repository),
        *("--build", util.Interpolate("%(prop:buildername)s/%(prop:buildnumber)s")),
        *("--requester", util.Property(REQUESTER)),
    )
