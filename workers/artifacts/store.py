"""Describing a folder of artifacts and fetching one over HTTP, each file checked by its hash."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING
from urllib.parse import quote

import requests
import tenacity
from pydantic import BaseModel, ConfigDict

from workers.files import sha256
from workers.names import file_name
from workers.outcome import BadRequest, InfrastructureFault

if TYPE_CHECKING:
    from pathlib import Path

_TIMEOUT_SECONDS = 60
_CHUNK = 1 << 20


class Artifacts(BaseModel):
    """A folder of artifacts: where it is served and the SHA-256 of each of its files."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    url: str
    files: dict[str, str]


def describe(folder: Path, url: str) -> Artifacts:
    """List the regular files directly in a folder.

    Raises :class:`BadRequest` for a folder that is not there or a file name that is not allowed.
    """
    if not folder.is_dir():
        raise BadRequest(f"there is no folder {folder}")
    files = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.is_symlink():
            files[file_name(path.name)] = sha256(path)
    return Artifacts(url=url, files=files)


def fetch(artifacts: Artifacts, into: Path) -> None:
    """Bring all files into a new folder; nothing is there unless all came whole and unchanged.

    Raises :class:`InfrastructureFault` when the server cannot be asked or answers other bytes.
    """
    partial = into.with_name(into.name + ".partial")
    for folder in (partial, into):
        shutil.rmtree(folder, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, expected in artifacts.files.items():
        fetch_file(f"{artifacts.url}/{quote(name)}", partial / file_name(name), expected)
    partial.rename(into)


def fetch_file(url: str, target: Path, expected: str) -> None:
    """Bring one file whose SHA-256 is known.

    Raises :class:`InfrastructureFault` when the server cannot be asked or answers other bytes.
    """
    try:
        _download(url, target)
    except requests.RequestException as error:
        raise InfrastructureFault(f"cannot fetch {url}: {error}") from error
    found = sha256(target)
    if found != expected:
        raise InfrastructureFault(f"{url} has SHA-256 {found}, expected {expected}")


def _may_pass(error: BaseException) -> bool:
    """Whether asking again may help: not after an answer that says no."""
    answer = getattr(error, "response", None)
    refused = answer is not None and answer.status_code < requests.codes.server_error
    return isinstance(error, requests.RequestException) and not refused


@tenacity.retry(
    retry=tenacity.retry_if_exception(_may_pass),
    stop=tenacity.stop_after_attempt(4),
    wait=tenacity.wait_exponential(multiplier=0.5, max=10),
    reraise=True,
)
def _download(url: str, target: Path) -> None:
    with (
        requests.get(url, stream=True, timeout=_TIMEOUT_SECONDS) as answer,
        target.open("wb") as content,
    ):
        answer.raise_for_status()
        for chunk in answer.iter_content(_CHUNK):
            content.write(chunk)
