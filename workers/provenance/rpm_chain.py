"""From ``repomd.xml`` to metadata, to packages, each with a signature of its own."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import createrepo_c as cr

from workers.names import version
from workers.outcome import BadRequest
from workers.provenance.chain import Generation, is_stamp
from workers.provenance.unpacking import Content, unpacked
from workers.repository.package import KEPT_BY_SIGNING, Published
from workers.repository.rpm import RpmFormat, identity

if TYPE_CHECKING:
    from pathlib import Path

    from workers.provenance.findings import Findings
    from workers.provenance.trust import Trust

_KINDS = ("filelists", "other", "primary")
_COUNT = re.compile(rb'\bpackages="([0-9]+)"')
_HEAD = 1000  # bytes that a document's first tags fit in


@dataclass(frozen=True)
class _File:
    path: str
    content: Content
    size: int
    """Bytes that it unpacks to."""
    sha256: str | None
    """Of these, where it is told."""


@dataclass(frozen=True)
class _Repomd:
    stamp: str
    files: dict[str, _File]


@dataclass(frozen=True)
class RpmChain:
    """Follows one repository."""

    commit_point = "repodata/repomd.xml"

    def generation(self, findings: Findings, stamp: str | None) -> Generation | None:
        """See :class:`Chain`."""
        top = "" if stamp is None else f"snapshots/{stamp}/"
        repomd = self._repomd(findings, top, stamp)
        if repomd is None:
            return None
        found = Generation(repomd.stamp, None)
        told: dict[str, list[str]] = {}
        for kind, file in repomd.files.items():
            point, path = f"{top}{self.commit_point}", f"{top}{file.path}"
            if stamp is None:
                stable = f"repodata/{path.partition('-')[2]}"
                findings.is_as_listed(stable, file.content, point)
            else:
                # Clients that have read an older repomd.xml come back for its metadata.
                findings.is_as_listed(file.path, file.content, point)
            with findings.damage_noted(path), findings.listed(path, file.content, point) as local:
                if local is None:
                    continue
                encoding = path.rpartition(".")[2]
                with unpacked(local, encoding, file.size, file.sha256) as text:
                    told[kind] = _read_metadata(kind, text, found)
                if told[kind] != told.get("primary", told[kind]):
                    findings.note(path, "changed", "it tells of other packages than primary")
        return found

    def links(self, stamp: str) -> dict[str, str]:
        """The packages, which metadata names from where it is itself."""
        return RpmFormat().snapshot_links(stamp)

    def compare(self, one: str, other: str) -> int:
        """Order of two versions (rpm-version(7))."""
        return RpmFormat().compare(one, other)

    def look_into(self, findings: Findings, trust: Trust, path: str, local: Path) -> dict[str, str]:
        """Header and payload are what signing does not change."""
        if not trust.has_signed_package(local):
            findings.note(path, "unsigned", f"it is not signed by a key in {trust.key}")
        kept: tuple[str, ...] = ()
        with findings.damage_noted(path):
            kept = tuple(identity(local).split(" "))
        return dict(zip(KEPT_BY_SIGNING, kept, strict=False))

    def _repomd(self, findings: Findings, top: str, stamp: str | None) -> _Repomd | None:
        point = f"{top}{self.commit_point}"
        content = findings.content(point)
        if content is None or not self._is_trusted(findings, point, content):
            return None
        with findings.damage_noted(point):
            repomd = _read_repomd(content)
            if stamp in (None, repomd.stamp):
                return repomd
            findings.note(point, "changed", f"it is of generation {repomd.stamp}")
        return None

    def _is_trusted(self, findings: Findings, point: str, content: bytes) -> bool:
        signature = findings.content(f"{point}.asc", missing=None)
        if signature is None:
            findings.note(f"{point}.asc", "unsigned", "it is not there")
            return False
        is_signed = findings.trust.has_signed(content, signature)
        if not is_signed:
            findings.note(point, "unsigned", f"{point}.asc is no signature of it")
        return is_signed


def _read_repomd(content: bytes) -> _Repomd:
    with tempfile.NamedTemporaryFile(suffix=".xml") as file:
        file.write(content)
        file.flush()
        try:
            repomd = cr.Repomd(file.name)
        except Exception as error:  # createrepo_c raises bare exceptions
            raise BadRequest(f"it is no repomd.xml: {error}") from error
    stamp, records = repomd.revision or "", sorted(repomd.records, key=lambda each: each.type)
    if not is_stamp(stamp):
        raise BadRequest(f"its revision, {stamp}, is no generation")
    if tuple(record.type for record in records) != _KINDS:
        # Of several kinds of one index clients choose, and none may be overlooked.
        raise BadRequest(f"it lists other metadata than {', '.join(_KINDS)}")
    if any(
        record.location_base
        or record.checksum_type != "sha256"
        or record.checksum_open_type not in (None, "sha256")
        for record in records
    ):
        raise BadRequest("it lists metadata that is elsewhere, or without its SHA-256")
    files = {
        record.type: _File(
            record.location_href,
            Content(record.checksum, record.size),
            record.size_open,
            record.checksum_open,
        )
        for record in records
    }
    # What the others tell is compared with it.
    return _Repomd(stamp, {"primary": files.pop("primary"), **files})


def _read_metadata(kind: str, text: Path, found: Generation) -> list[str]:
    """The packages' checksums; what primary lists is added to the generation."""
    told: list[str] = []

    def tell(package: Any) -> None:
        told.append(package.pkgId)
        if kind == "primary":
            _add(found, package)

    def wrong(_kind: int, message: str) -> None:
        raise BadRequest(f"it cannot be read: {message}")

    def begin(checksum: str, name: str, architecture: str) -> Any:
        package = cr.Package()
        package.pkgId, package.name, package.arch = checksum, name, architecture
        return package

    try:
        match kind:
            case "primary":
                cr.xml_parse_primary(str(text), None, tell, wrong, do_files=False)
            case "filelists":
                cr.xml_parse_filelists(str(text), begin, tell, wrong)
            case "other":
                cr.xml_parse_other(str(text), begin, tell, wrong)
    except Exception as error:  # as above
        raise BadRequest(f"it cannot be read: {error}") from error
    with text.open("rb") as content:
        count = _COUNT.search(content.read(_HEAD))
    if count is None or int(count[1]) != len(told):
        said = count[1].decode() if count else "no number of"
        raise BadRequest(f"it says that there are {said} packages, and lists {len(told)}")
    return told


def _add(found: Generation, package: Any) -> None:
    if package.checksum_type != "sha256" or package.location_base:
        raise BadRequest(f"{package.name} is listed elsewhere, or without its SHA-256")
    epoch = "" if package.epoch in (None, "", "0") else f"{package.epoch}:"
    listed = Published(
        package.name,
        version(f"{epoch}{package.version}-{package.release}"),
        package.arch,
        package.location_href,
        package.pkgId,
    )
    found.packages.add(listed)
    found.files[listed] = Content(listed.sha256, package.size_package)
