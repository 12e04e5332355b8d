"""Builds made before, found by their inputs.

The store is a folder of ``KEY.json`` beside the artifacts, written by the master alone and read
over HTTP; each names a build's answer and its files. A build of which a file is lost or damaged, or
a store that does not answer, means no more than that the build is made.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from pydantic import BaseModel, ValidationError

from workers.artifacts.store import Artifacts, fetch
from workers.outcome import ProgramError

if TYPE_CHECKING:
    from workers.build.inputs import Inputs

_TIMEOUT_SECONDS = 15


class Kept(BaseModel):
    """One build in the store."""

    built: dict[str, Any]
    """The answer of ``lockgate-worker build``."""
    artifacts: Artifacts


def made_before(store: str | None, inputs: Inputs) -> dict[str, Any] | None:
    """The answer of an earlier build of these inputs, with where its files are."""
    kept = None if store is None else find(store, inputs.key)
    if kept is None:
        return None
    sys.stderr.write(f"these inputs were built before: {kept.artifacts.url}/\n")
    return {**kept.built, "artifacts": kept.artifacts.model_dump()}


def find(store: str, key: str) -> Kept | None:
    """The build of these inputs, if it was made and all of it is still there, unchanged."""
    try:
        answer = requests.get(f"{store}/{key}.json", timeout=_TIMEOUT_SECONDS)
        if answer.status_code == requests.codes.not_found:
            return None
        answer.raise_for_status()
        kept = Kept.model_validate_json(answer.content)
        with tempfile.TemporaryDirectory() as scratch:
            # A damaged one would be found by every build to come; to read them all takes less
            # time than to make them.
            fetch(kept.artifacts, Path(scratch, "files"))
    except (requests.RequestException, ValidationError, ProgramError) as error:
        sys.stderr.write(f"the store of builds is of no use now: {error}\n")
        return None
    return kept
