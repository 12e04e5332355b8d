"""The repositories that a build or a test reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import quote

import requests
import tenacity
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from workers import public_keys
from workers.names import file_name, identifier
from workers.outcome import BadRequest, InfrastructureFault

if TYPE_CHECKING:
    from collections.abc import Iterable

_TIMEOUT_SECONDS = 30
_LONGEST_KEY = 1 << 20
_CHUNK = 1 << 16
_FINGERPRINT = re.compile(r"[0-9A-F]{40}")
_COMMIT_POINTS = {"deb": "dists/{codename}/InRelease", "rpm": "repodata/repomd.xml"}

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


def _fingerprint(text: str) -> str:
    if _FINGERPRINT.fullmatch(text) is None:
        raise BadRequest(f"{text[:80]!a} is not a key's fingerprint: 40 digits 0-9 A-F")
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
    """Where its public key is, below the same address: DEB metadata and published RPM packages
    are signed, RPM packages under test are not yet."""
    fingerprints: tuple[Annotated[str, AfterValidator(_fingerprint)], ...] = ()
    """The keys that count there; all when it names none."""


@dataclass(frozen=True)
class Repository:
    """A repository and how it ranks among the others."""

    description: Description
    served: str
    """The address that paths are below."""
    rank: int | None
    """0 for the tested one, 1 for those of changes ahead, None for that of the release: each beats
    any version of the following, and all of them the base distribution's."""

    @property
    def url(self) -> str:
        """Its own address."""
        return f"{self.served}/{self.description.path}"

    def fetch_key(self) -> bytes:
        """Return the public keys it names; InfrastructureFault if they cannot be had.

        Only those that the description names count, where it does: what lies there is the
        repository worker's to write, and whom to trust is not.
        """
        url = f"{self.served}/{quote(self.description.key or '')}"
        try:
            key = download(url, _LONGEST_KEY)
        except requests.RequestException as error:
            raise InfrastructureFault(f"cannot fetch the key {url}: {error}") from error
        expected = self.description.fingerprints
        if not expected:
            return key
        known = public_keys.only(key, expected)
        if not known:
            raise InfrastructureFault(f"{url} holds no key that the site file names")
        return known

    def is_published(self) -> bool:
        """Whether clients can read it; a release repository is empty before the first publish."""
        name = _COMMIT_POINTS[self.description.format].format(codename=self.description.codename)
        url = f"{self.url}/{name}"
        try:
            answer = requests.head(url, timeout=_TIMEOUT_SECONDS)
            if answer.status_code == requests.codes.not_found:
                return False
            answer.raise_for_status()
        except requests.RequestException as error:
            raise InfrastructureFault(f"cannot read the repository {url}: {error}") from error
        return True


def given(
    served: str, package_format: Format, ranked: Iterable[tuple[str, int | None]]
) -> tuple[Repository, ...]:
    """Repositories from their descriptions in JSON, each with its rank; empty ones are left out.

    Raises BadRequest for a wrong address or description.
    """
    if not served.startswith(("http://", "https://")) or served.split() != [served]:
        raise BadRequest(f"--served is an address such as http://HOST:PORT, not {served[:200]!a}")
    found = []
    for text, rank in ranked:
        description = read_description(text)
        if description.format != package_format:
            raise BadRequest(f"{description.path} is no repository of {package_format} packages")
        repository = Repository(description, served.rstrip("/"), rank)
        if rank is not None or repository.is_published():
            found.append(repository)
    return tuple(found)


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
def download(url: str, limit: int) -> bytes:
    """The content of an address, or the first ``limit`` bytes of it."""
    with requests.get(url, timeout=_TIMEOUT_SECONDS, stream=True) as answer:
        answer.raise_for_status()
        content = bytearray()
        for chunk in answer.iter_content(_CHUNK):
            content += chunk[: limit - len(content)]
            if len(content) == limit:
                break
        return bytes(content)
