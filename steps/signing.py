"""Signing, on the signer's worker only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.plugins import util

from steps.program import WorkerProgram

if TYPE_CHECKING:
    from pathlib import Path

SIGNED = "signed"  # folder below the build's working folder


class SignRelease(WorkerProgram):
    """Signs an APT repository's Release text into ``signed/InRelease``."""

    def __init__(self, home: Path, key: str, release_file: str, **kwargs: Any) -> None:
        super().__init__(
            ["sign", "release"],
            arguments=[
                *("--home", str(home), "--key", key),
                *("--file", release_file, "--out", f"{SIGNED}/InRelease"),
                *_for_the_log(),
            ],
            name="sign-Release",
            **kwargs,
        )


class SignRpms(WorkerProgram):
    """Signs each RPM of a folder; header and payload digests must stay what was tested."""

    def __init__(self, home: Path, key: str, unsigned: str, **kwargs: Any) -> None:
        super().__init__(
            ["sign", "rpm"],
            arguments=[
                *("--home", str(home), "--key", key, "--in", unsigned, "--out", SIGNED),
                *_for_the_log(),
            ],
            name="sign-RPM-packages",
            **kwargs,
        )


def _for_the_log() -> tuple[Any, ...]:
    return (
        *("--build", util.Interpolate("%(prop:buildername)s/%(prop:buildnumber)s")),
        *("--requester", util.Property("requester", default="publish")),
    )
