"""What APT repositories list, as their signed indexes say it (apt-secure(8)).

Only what the signature leads to is believed: InRelease names an index by its SHA-256, the index
names a file by its own.
"""

from __future__ import annotations

import gzip
import re
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import requests
from debian.deb822 import Release, Sources

from workers.artifacts.store import fetch_file
from workers.clients.repository import download
from workers.outcome import BadRequest, InfrastructureFault
from workers.repository.signatures import Keyring

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workers.clients.repository import Repository

_LONGEST_RELEASE = 16 << 20
_COMPONENT = "main"
_FIELDS = re.compile(r"^(Package|Version|SHA256|Provides): (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class SourceFile:
    """A file of a source package that a repository has."""

    name: str
    url: str
    sha256: str

    def fetch(self, target: Path) -> None:
        """Bring it; InfrastructureFault if it is not what the index lists."""
        fetch_file(self.url, target, self.sha256)


@dataclass(frozen=True)
class BinaryPackage:
    """A binary package that a repository has."""

    name: str
    version: str
    sha256: str
    provides: str
    """The field of that name; deb-control(5)."""


@dataclass(frozen=True)
class Listing:
    """The indexes of one repository, each fetched once it is asked for.

    Raises InfrastructureFault for a repository that cannot be read or is not signed by its key.
    """

    repository: Repository

    def source_files(self, source: str, named: re.Pattern[str]) -> list[SourceFile]:
        """Files whose names match, of all listed versions of a source package."""
        found = {}
        for text in self._index("source/Sources").split("\n\n"):
            if not text.startswith(f"Package: {source}\n"):
                continue
            paragraph = Sources(text)
            for file in paragraph["Checksums-Sha256"]:
                if named.fullmatch(file["name"]):
                    path = quote(f"{paragraph['Directory']}/{file['name']}")
                    url = f"{self.repository.url}/{path}"
                    found[file["name"]] = SourceFile(file["name"], url, file["sha256"])
        return list(found.values())

    def binary_packages(self, architecture: str) -> list[BinaryPackage]:
        """All listed versions of all binary packages."""
        found = []
        for text in self._index(f"binary-{architecture}/Packages").split("\n\n"):
            fields = dict(_FIELDS.findall(text))
            if fields:
                found.append(
                    BinaryPackage(
                        name=fields["Package"],
                        version=fields["Version"],
                        sha256=fields["SHA256"],
                        provides=fields.get("Provides", ""),
                    )
                )
        return found

    def _index(self, name: str) -> str:
        listed = self._digests.get(f"{_COMPONENT}/{name}.gz")
        if listed is None:
            return ""
        folder = f"{self._top}/{_COMPONENT}/{name.rpartition('/')[0]}"
        # By its hash, the index of this InRelease is there though the next may be published.
        with tempfile.TemporaryDirectory() as scratch:
            index = Path(scratch, "index.gz")
            fetch_file(f"{folder}/by-hash/SHA256/{listed}", index, listed)
            return gzip.decompress(index.read_bytes()).decode()

    @cached_property
    def _digests(self) -> dict[str, str]:
        """SHA-256 of each index."""
        url = f"{self._top}/InRelease"
        try:
            signed = download(url, _LONGEST_RELEASE)
        except requests.RequestException as error:
            raise InfrastructureFault(f"cannot read the repository {url}: {error}") from error
        try:
            text = Keyring.holding(self.repository.fetch_key(), "the repository's key").opened(
                signed
            )
        except BadRequest as error:
            raise InfrastructureFault(
                f"{url} is not what the repository's key signed", error.reason
            ) from error
        return {file["name"]: file["sha256"] for file in Release(text)["SHA256"]}

    @property
    def _top(self) -> str:
        return f"{self.repository.url}/dists/{self.repository.description.codename}"


def first_source_file(
    listings: Iterable[Listing], source: str, named: re.Pattern[str]
) -> SourceFile | None:
    """The file whose name matches, of the first repository that has one."""
    for listing in listings:
        for file in listing.source_files(source, named):
            return file
    return None
