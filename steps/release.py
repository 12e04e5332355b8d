"""Writing the release repository of a branch: a generation is staged, signed and committed."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from buildbot.plugins import util

from steps.program import WorkerProgram, property_or_none
from steps.record import RECORD
from steps.repository import PACKAGES
from steps.signing import SIGNED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ACT = "act"  # property: what a generation is made for: "publish", "refresh" or "rollback"


def publishes_packages(step: Any) -> bool:
    """Whether a generation is made for new packages."""
    return bool(_act(step.build.getProperties()) == "publish")


def _named(keys: Sequence[str]) -> list[str]:
    return [word for key in keys for word in ("--key", key)]


def _act(properties: Any) -> Any:
    return properties.getProperty(ACT, "publish")


class StageRelease(WorkerProgram):
    """Prepares the next generation, invisible to clients; answer: property ``stage``.

    The property ``record`` tells where packages come from; ``keys`` are the fingerprints of those
    that they may be signed by, if they are signed.

    ``keep`` versions of each package stay listed; ``metadata`` are the program's options on how
    indexes are written.
    """

    def __init__(
        self,
        package_format: str,
        codename: str,
        repository: Path,
        keys: Sequence[str],
        keep: int,
        metadata: Mapping[str, str],
        **kwargs: Any,
    ) -> None:
        @util.renderer
        def command(properties: Any) -> list[str]:
            match _act(properties):
                case "publish":
                    told = ("--record", "/dev/stdin", *_named(keys))
                    return ["stage", "--packages", PACKAGES, "--keep", str(keep), *told]
                case "rollback":
                    return ["rollback", "--to", str(properties["stamp"])]
            return ["refresh"]

        super().__init__(
            ["repository"],
            arguments=[
                command,
                *("--format", package_format, "--codename", codename),
                *("--repository", str(repository)),
                *(word for name, value in metadata.items() for word in (f"--{name}", value)),
            ],
            request=property_or_none(RECORD),
            answer="stage",
            name="stage-generation",
            **kwargs,
        )

    def succeeded(self, answer: dict[str, Any]) -> None:
        """Hand on which stage to commit, and where the text to sign lies."""
        self.setProperty("stage_id", answer["stage"], self.name)
        folder = str(PurePosixPath(answer["to_sign"]).parent)
        self.setProperty("stage_folder", folder, self.name)


class CommitRelease(WorkerProgram):
    """Makes a staged generation the published one; answer: property ``generation``.

    ``keys`` are the fingerprints of those that clients may find in the repository. The newest
    ``generations`` stay, and those replaced less than ``days`` ago.
    """

    def __init__(
        self,
        package_format: str,
        codename: str,
        repository: Path,
        keys: Sequence[str],
        generations: int,
        days: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            ["repository", "commit"],
            arguments=[
                *("--format", package_format, "--repository", str(repository)),
                *("--codename", codename, "--stage", util.Property("stage_id")),
                *("--signed", SIGNED, *_named(keys)),
                *("--generations", str(generations)),
                *("--retention", str(days * 86400)),
            ],
            answer="generation",
            name="commit-generation",
            **kwargs,
        )

    def succeeded(self, answer: dict[str, Any]) -> None:
        """Show the generation's name on the build's page."""
        self.descriptionDone = f"generation {answer['generation']}"
