"""Builds made before, found by their inputs.

The store is a folder of ``KEY.json`` beside the artifacts, written by the master alone and read
over HTTP; each names a build's answer and its files. A build that has lost one of its files, or a
store that does not answer, means no more than that the build is made.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests
from pydantic import BaseModel, ValidationError

from workers.artifacts.store import Artifacts

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
    """The build of these inputs, if it was made and all of it is still there."""
    try:
        answer = requests.get(f"{store}/{key}.json", timeout=_TIMEOUT_SECONDS)
        if answer.status_code == requests.codes.not_found:
            return None
        answer.raise_for_status()
        kept = Kept.model_validate_json(answer.content)
        for name in kept.artifacts.files:
            there = requests.head(f"{kept.artifacts.url}/{quote(name)}", timeout=_TIMEOUT_SECONDS)
            there.raise_for_status()
    except (requests.RequestException, ValidationError) as error:
        sys.stderr.write(f"the store of builds is of no use now: {error}\n")
        return None
    return kept
