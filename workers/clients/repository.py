"""The repositories that a build or a test reads."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar
from urllib.parse import quote

import requests
import tenacity
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from workers import public_keys
from workers.names import file_name, identifier
from workers.outcome import BadRequest, InfrastructureFault

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_TIMEOUT_SECONDS = 30
_LONGEST_KEY = 1 << 20
_CHUNK = 1 << 16
_FINGERPRINT = re.compile(r"[0-9A-F]{40}")
_COMMIT_POINTS = {"deb": "dists/{codename}/InRelease", "rpm": "repodata/repomd.xml"}

Format = Literal["deb", "rpm"]
_Model = TypeVar("_Model", bound=BaseModel)


class Rank(enum.IntEnum):
    """How a repository ranks: any version in it is preferred to those of the ranks that follow."""

    TESTED = enum.auto()
    AHEAD = enum.auto()
    """Of a change ahead."""
    RELEASE = enum.auto()
    BASE = enum.auto()
    """Of the base distribution."""


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


def _address(text: str) -> str:
    # It goes into a line of a configuration file.
    if re.fullmatch(r"https?://[^\s'\"\\{}]+", text) is None:
        raise BadRequest(f"{text[:200]!a} is not an address such as https://HOST/PATH")
    return text.rstrip("/")


Fingerprint = Annotated[str, AfterValidator(_fingerprint)]


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
    fingerprints: tuple[Fingerprint, ...] = ()
    """The keys that count there; all when it names none."""


@dataclass(frozen=True)
class Repository:
    """A repository and how it ranks among the others."""

    description: Description
    served: str
    """The address that paths are below."""
    rank: Rank

    @property
    def url(self) -> str:
        """Its own address."""
        return f"{self.served}/{self.description.path}"

    @property
    def key_url(self) -> str | None:
        """Where its public key is."""
        key = self.description.key
        return None if key is None else f"{self.served}/{quote(key)}"

    def fetch_key(self) -> bytes:
        """Return the public keys it names; InfrastructureFault if they cannot be had."""
        return _fetch_key(str(self.key_url), self.description.fingerprints)

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


class BaseRepository(BaseModel):
    """A repository of RPM packages of the base distribution, as the site file names it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, AfterValidator(_address)]
    key_url: Annotated[str, AfterValidator(_address)]
    """Where the public keys are that sign its packages."""
    fingerprints: Annotated[tuple[Fingerprint, ...], Field(min_length=1)]
    """The keys that count there."""

    @property
    def rank(self) -> Rank:
        """Behind all others."""
        return Rank.BASE

    def fetch_key(self) -> bytes:
        """Return the public keys; InfrastructureFault if they cannot be had."""
        return _fetch_key(self.key_url, self.fingerprints)


def given(
    served: str, package_format: Format, ranked: Iterable[tuple[str, Rank]]
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
        # Nothing of a release is there before the first publish.
        if rank is not Rank.RELEASE or repository.is_published():
            found.append(repository)
    return tuple(found)


def read_base(text: str) -> BaseRepository:
    """Read what is said in JSON of a base repository; BadRequest names the first wrong place."""
    return _read(BaseRepository, text)


def read_description(text: str) -> Description:
    """Read a description in JSON; :class:`BadRequest` names the first wrong place."""
    found = _read(Description, text)
    if found.format == "deb" and None in (found.origin, found.codename, found.key):
        raise BadRequest("description of a DEB repository: give origin, codename and key")
    return found


def _read(kind: type[_Model], text: str) -> _Model:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise BadRequest(f"description of a repository, {place}: {first['msg']}") from error


def _fetch_key(url: str, expected: Collection[str]) -> bytes:
    """Only those keys that are expected, where any are.

    What lies there is somebody else's to write, and whom to trust is not.
    """
    key = fetch_keys(url)
    if not expected:
        return key
    known = public_keys.only(key, expected)
    if not known:
        raise InfrastructureFault(f"{url} holds no key that the site file names")
    return known


def fetch_keys(url: str) -> bytes:
    """All public keys at an address; InfrastructureFault if they cannot be had."""
    try:
        return download(url, _LONGEST_KEY)
    except requests.RequestException as error:
        raise InfrastructureFault(f"cannot fetch the key {url}: {error}") from error


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
