"""The repositories a package is installed from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import quote

import requests
import tenacity
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from workers.names import file_name, identifier
from workers.outcome import BadRequest, InfrastructureFault

_TIMEOUT_SECONDS = 30
_LONGEST_KEY = 1 << 20

Format = Literal["deb", "rpm"]


def _path(text: str) -> str:
    for part in text.split("/"):
        file_name(part)
    return text


def _origin(text: str) -> str:
    # It goes into a line of apt_preferences(5), where commas and newlines mean something.
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._+~@/-]{0,200}", text) is None:
        raise BadRequest(
            f"origin {text[:80]!a} is not allowed: letters, digits, spaces, . _ + ~ @ / -"
        )
    return text


class Description(BaseModel):
    """What ``lockgate-worker repository test`` answers about a repository."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    path: Annotated[str, AfterValidator(_path)]
    """Below the address it is served at."""
    format: Format
    origin: Annotated[str, AfterValidator(_origin)] | None = None
    """DEB: tells it apart from every other repository."""
    codename: Annotated[str, AfterValidator(identifier)] | None = None
    """DEB: the distribution's name."""
    key: Annotated[str, AfterValidator(_path)] | None = None
    """DEB: where the public key its metadata is signed by is, below the same address."""


@dataclass(frozen=True)
class Repository:
    """A repository and how it ranks among the others."""

    description: Description
    served: str
    """The address that paths are below."""
    rank: int | None
    """0 for the tested one, 1 for those of changes ahead: both beat any version elsewhere; None
    for an ordinary one."""

    @property
    def url(self) -> str:
        """Its own address."""
        return f"{self.served}/{self.description.path}"

    def fetch_key(self) -> bytes:
        """Return the public key it names; InfrastructureFault if it cannot be had."""
        url = f"{self.served}/{quote(self.description.key or '')}"
        try:
            return _download(url)
        except requests.RequestException as error:
            raise InfrastructureFault(f"cannot fetch the key {url}: {error}") from error


def read_description(text: str) -> Description:
    """Read a description in JSON; :class:`BadRequest` names the first wrong place."""
    try:
        found = Description.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise BadRequest(f"description of a repository, {place}: {first['msg']}") from error
    if found.format == "deb" and None in (found.origin, found.codename, found.key):
        raise BadRequest("description of a DEB repository: give origin, codename and key")
    return found


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(requests.ConnectionError),
    stop=tenacity.stop_after_attempt(4),
    wait=tenacity.wait_exponential(multiplier=0.5, max=5),
    reraise=True,
)
def _download(url: str) -> bytes:
    with requests.get(url, timeout=_TIMEOUT_SECONDS, stream=True) as answer:
        answer.raise_for_status()
        return bytes(answer.raw.read(_LONGEST_KEY, decode_content=True))
