"""Looks into a release repository as it lies on disk: what its commit point leads to."""

from __future__ import annotations

import gzip
import hashlib
import tempfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import createrepo_c as cr
from debian.deb822 import Packages, Release, Sources

from tests.workers.repository.programs import CODENAME
from workers.provenance.audit import Report, audit
from workers.provenance.choice import chain_of
from workers.provenance.readers import Folder
from workers.provenance.trust import trusting
from workers.public_keys import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.workers.repository.programs import ReleaseRepository

_PARTS = ("primary", "filelists", "other")


def commit_point(repository: ReleaseRepository) -> Path:
    """The file a client reads first."""
    if repository.package_format == "deb":
        return repository.root / "dists" / CODENAME / "InRelease"
    return repository.root / "repodata" / "repomd.xml"


def published(repository: ReleaseRepository) -> bytes:
    """The published generation's commit point."""
    return commit_point(repository).read_bytes()


def files_of(repository: ReleaseRepository, generation: bytes) -> set[Path]:
    """Every file a generation's commit point leads to; each is there with the right content."""
    walk = _apt_files if repository.package_format == "deb" else _rpm_files
    found = set()
    for path, sha256, size in walk(repository.root, generation):
        content = path.read_bytes()
        assert len(content) == size, path
        assert hashlib.sha256(content).hexdigest() == sha256, path
        found.add(path)
    return found


def holds(repository: ReleaseRepository, version: str) -> bool:
    """Whether the published generation is whole, and has an upstream version in it."""
    return any(f"{version}-1" in path.name for path in files_of(repository, published(repository)))


def audited(repository: ReleaseRepository) -> Report:
    """What an audit of it comes to."""
    root = Folder(repository.root)
    with trusting(repository.root / KEY) as trust:
        return audit(root, trust, chain_of(root, None, None), datetime.now(UTC))


def everything(folder: Path) -> dict[Path, bytes]:
    """Each file below a folder and its content."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _apt_files(root: Path, generation: bytes) -> Iterator[tuple[Path, str, int]]:
    distribution = root / "dists" / CODENAME
    for line in Release(generation)["SHA256"]:
        index = distribution / line["name"]
        if not index.suffix:
            continue  # told for apt's sake, and read in its compressed forms only
        by_hash = index.parent / "by-hash" / "SHA256" / line["sha256"]
        yield by_hash, line["sha256"], int(line["size"])
        if index.name == "Packages.gz":
            text = gzip.decompress(by_hash.read_bytes())
            for paragraph in Packages.iter_paragraphs(text, use_apt_pkg=False):
                yield root / paragraph["Filename"], paragraph["SHA256"], int(paragraph["Size"])
        if index.name == "Sources.gz":
            text = gzip.decompress(by_hash.read_bytes())
            for source in Sources.iter_paragraphs(text, use_apt_pkg=False):
                for file in source["Checksums-Sha256"]:
                    path = root / source["Directory"] / file["name"]
                    yield path, file["sha256"], int(file["size"])


def _rpm_files(root: Path, generation: bytes) -> Iterator[tuple[Path, str, int]]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(generation)
        file.flush()
        records = {record.type: record for record in cr.Repomd(file.name).records}
    for record in records.values():
        yield root / record.location_href, record.checksum, record.size
    metadata = [str(root / records[part].location_href) for part in _PARTS]
    for package in cr.RepositoryReader.from_metadata_files(*metadata).iter_packages():
        yield root / package.location_href, package.pkgId, package.size_package
