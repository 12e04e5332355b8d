"""From ``InRelease`` to indexes, to packages and sources (apt-secure(8))."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from debian.deb822 import Packages, Release, Sources
from debian.debian_support import Version, version_compare

from workers.outcome import BadRequest
from workers.provenance.chain import Generation, is_stamp
from workers.provenance.unpacking import Content, unpacked
from workers.repository.apt import SOURCE
from workers.repository.package import Published

if TYPE_CHECKING:
    from pathlib import Path

    from workers.provenance.findings import Findings
    from workers.provenance.trust import Trust


@dataclass(frozen=True)
class _Release:
    stamp: str
    codename: str
    valid_until: datetime | None
    indexes: dict[str, Content]


@dataclass(frozen=True)
class AptChain:
    """Follows one distribution."""

    codename: str

    @property
    def commit_point(self) -> str:
        """The signed Release."""
        return f"dists/{self.codename}/InRelease"

    def generation(self, findings: Findings, stamp: str | None) -> Generation | None:
        """See :class:`Chain`."""
        top = f"dists/{self.codename}"
        if stamp is not None:
            top += f"/snapshots/{stamp}"
        release = self._release(findings, top, stamp)
        if release is None:
            return None
        found = Generation(release.stamp, release.valid_until)
        stored: dict[str, dict[str, Content]] = {}
        for name, content in release.indexes.items():
            folder, _, file = name.rpartition("/")
            base, _, encoding = file.partition(".")
            stored.setdefault(f"{folder}/{base}", {})[encoding] = content
        for base, encodings in stored.items():
            self._follow(findings, found, top, base, encodings)
        return found

    def links(self, stamp: str) -> dict[str, str]:
        """None: the pool is found from the root."""
        del stamp
        return {}

    def compare(self, one: str, other: str) -> int:
        """Order of two versions (deb-version(7))."""
        return int(version_compare(one, other))

    def look_into(self, findings: Findings, trust: Trust, path: str, local: Path) -> dict[str, str]:
        """DEB packages are not signed; the index that lists them is."""
        del findings, trust, path, local
        return {}

    def _release(self, findings: Findings, top: str, stamp: str | None) -> _Release | None:
        point = f"{top}/InRelease"
        content = findings.content(point)
        if content is None:
            return None
        try:
            text = findings.trust.opened(content)
        except BadRequest as error:
            findings.note(point, "unsigned", error.reason)
            return None
        self._check_pair(findings, top, text)
        with findings.damage_noted(point):
            release = _read_release(text)
            if release.codename != self.codename:
                told = f"it is of distribution {release.codename}"
            elif stamp not in (None, release.stamp):
                told = f"it is of generation {release.stamp}"
            else:
                return release
            findings.note(point, "changed", told)
        return None

    def _check_pair(self, findings: Findings, top: str, text: bytes) -> None:
        """For clients that know no InRelease."""
        release = findings.content(f"{top}/Release")
        signature = findings.content(f"{top}/Release.gpg")
        if release is None or signature is None:
            return
        if release.rstrip() != text.rstrip():
            findings.note(f"{top}/Release", "changed", "it is not the text of InRelease")
        if not findings.trust.has_signed(release, signature):
            findings.note(f"{top}/Release", "unsigned", "Release.gpg is no signature of it")

    def _follow(
        self,
        findings: Findings,
        found: Generation,
        top: str,
        base: str,
        encodings: dict[str, Content],
    ) -> None:
        """Look at every form of an index: each client chooses its own."""
        point = f"{top}/InRelease"
        plain = encodings.get("")
        if plain is None:
            findings.note(point, "damaged", f"it does not list {base} uncompressed")
            return
        folder, _, kind = base.rpartition("/")
        kept = {encoding: of for encoding, of in encodings.items() if encoding} or encodings
        was_read = False
        for encoding, content in kept.items():
            by_hash = f"{folder}/by-hash/SHA256/{content.sha256}"
            if top == f"dists/{self.codename}":
                name = f"{top}/{base}{encoding and f'.{encoding}'}"
                findings.is_as_listed(name, content, point)
            else:
                # Clients that have read an older InRelease come back for its indexes.
                findings.is_as_listed(f"dists/{self.codename}/{by_hash}", content, point)
            path = f"{top}/{by_hash}"
            with findings.damage_noted(path), findings.listed(path, content, point) as local:
                if local is None:
                    continue
                with unpacked(local, encoding, plain.size, plain.sha256) as text:
                    if not was_read:
                        _read_index(kind, text, found)
                    was_read = True


def _read_release(text: bytes) -> _Release:
    try:
        release = Release(text)
        until = release.get("Valid-Until")
        found = _Release(
            stamp=str(release["X-Lockgate-Generation"]),
            codename=str(release["Codename"]),
            valid_until=_date(until) if until else None,
            indexes={
                str(line["name"]): Content(line["sha256"], int(line["size"]))
                for line in release["SHA256"]
            },
        )
    except Exception as error:  # python-debian raises whatever hostile text leads to
        raise BadRequest(f"it is no Release of Lockgate's: {error!r}") from error
    if not is_stamp(found.stamp):
        raise BadRequest(f"{found.stamp} is no generation")
    return found


def _date(text: str) -> datetime:
    told = parsedate_to_datetime(text)
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _read_index(kind: str, text: Path, found: Generation) -> None:
    """Add what an index lists; Contents list nothing that is downloaded."""
    read = {"Packages": _read_packages, "Sources": _read_sources}.get(kind)
    if read is None:
        return
    try:
        read(text, found)
    except Exception as error:  # as above
        raise BadRequest(f"it cannot be read: {error!r}") from error


def _read_packages(text: Path, found: Generation) -> None:
    with text.open("rb") as content:
        for package in Packages.iter_paragraphs(content, use_apt_pkg=False):
            listed = Published(
                package["Package"],
                str(Version(package["Version"])),
                package["Architecture"],
                package["Filename"],
                package["SHA256"],
            )
            found.packages.add(listed)
            found.files[listed] = Content(listed.sha256, int(package["Size"]))


def _read_sources(text: Path, found: Generation) -> None:
    with text.open("rb") as content:
        for source in Sources.iter_paragraphs(content, use_apt_pkg=False):
            name, version = source["Package"], str(Version(source["Version"]))
            for each in source["Checksums-Sha256"]:
                path = f"{source['Directory']}/{each['name']}"
                listed = Published(name, version, SOURCE, path, each["sha256"])
                if path.endswith(".dsc"):
                    found.packages.add(listed)
                found.files[listed] = Content(listed.sha256, int(each["size"]))
