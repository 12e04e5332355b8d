"""The ways from a repository's signed text down to each of its packages."""

from __future__ import annotations

import gzip
import lzma
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import createrepo_c
import zstandard
from debian.deb822 import Packages, Release, Sources

from workers import files
from workers.outcome import BadRequest, InfrastructureFault
from workers.repository import signatures
from workers.repository.package import Published
from workers.repository.rpm import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workers.provenance.findings import Findings

_UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.decompress,
    "xz": lzma.decompress,
    "zst": lambda content: zstandard.ZstdDecompressor().decompressobj().decompress(content),
}


class Chain(Protocol):
    """Follows one kind of repository."""

    def generation(self, findings: Findings, stamp: str | None) -> Iterator[Published]:
        """Every file a generation lists, the published one's for None; its indexes are checked."""
        ...

    def check_signature(self, findings: Findings, path: str) -> None:
        """Look at the signature that a package has of its own, if its format knows such."""
        ...


class AptChain:
    """From ``InRelease`` to indexes, to packages and sources (apt-secure(8))."""

    def __init__(self, codename: str) -> None:
        self.codename = codename

    def generation(self, findings: Findings, stamp: str | None) -> Iterator[Published]:
        """See :class:`Chain`."""
        top = f"dists/{self.codename}"
        if stamp is not None:
            top += f"/snapshots/{stamp}"
        content = findings.content(f"{top}/InRelease")
        if content is None:
            return
        text = _opened(findings, f"{top}/InRelease", content)
        if text is None:
            return
        if stamp is None:
            self._check_pair(findings, top, text)
        for line in Release(text).get("SHA256", ()):
            name, sha256 = line["name"], line["sha256"]
            folder, _, file = name.rpartition("/")
            if "." not in file:
                continue  # told of, and not stored
            if stamp is None:
                findings.is_as_listed(f"{top}/{name}", sha256, f"{top}/InRelease")
            by_hash = f"{folder}/by-hash/SHA256/{sha256}"
            # Clients that have read an older InRelease come back for its indexes.
            findings.is_as_listed(f"dists/{self.codename}/{by_hash}", sha256, f"{top}/InRelease")
            index = findings.indexed(f"{top}/{by_hash}", sha256, f"{top}/InRelease")
            if index is not None and file in ("Packages.gz", "Sources.gz"):
                yield from _listed_in(file, gzip.decompress(index))

    def check_signature(self, findings: Findings, path: str) -> None:
        """DEB packages have none; the index that lists them is signed."""

    def _check_pair(self, findings: Findings, top: str, text: bytes) -> None:
        """For clients that know no InRelease."""
        release = findings.content(f"{top}/Release")
        signature = findings.content(f"{top}/Release.gpg")
        if release is None or signature is None:
            return
        if release.rstrip() != text.rstrip():
            findings.note(f"{top}/Release", "changed", "it is not the text of InRelease")
        _check_detached(findings, f"{top}/Release", release, signature)


class RpmChain:
    """From ``repomd.xml`` to metadata, to packages, each with a signature of its own."""

    def generation(self, findings: Findings, stamp: str | None) -> Iterator[Published]:
        """See :class:`Chain`."""
        top = "" if stamp is None else f"snapshots/{stamp}/"
        point = f"{top}repodata/repomd.xml"
        content = findings.content(point)
        if content is None:
            return
        if stamp is None:
            signature = findings.content(f"{point}.asc")
            if signature is None or not _check_detached(findings, point, content, signature):
                return
        for record in _repomd(content).records:
            path = f"{top}{record.location_href}"
            findings.is_as_listed(record.location_href, record.checksum, point)
            if stamp is None:
                stable = f"repodata/{path.partition('-')[2]}"
                findings.is_as_listed(stable, record.checksum, point)
            packed = findings.indexed(path, record.checksum, point)
            if packed is None:
                continue
            plain = _UNPACK[path.rpartition(".")[2]](packed)
            if files.sha256_of(plain) != record.checksum_open:
                findings.note(path, "changed", f"what is in it is not what {point} says")
            if record.type == "primary":
                yield from listed(plain.decode())

    def check_signature(self, findings: Findings, path: str) -> None:
        """Look at a package's signature as rpm does (rpmkeys(8))."""
        if findings.key is None:
            return
        with findings.reader.file(path) as local:
            if local is not None and not _is_signed(local, findings.key):
                findings.note(path, "unsigned", f"it is not signed by a key in {findings.key}")


def _opened(findings: Findings, path: str, content: bytes) -> bytes | None:
    """The text in a signed file."""
    if findings.key is None:
        return content.partition(b"\n\n")[2].partition(b"-----BEGIN PGP SIGNATURE-----")[0]
    try:
        return signatures.opened(content, findings.key)
    except BadRequest as error:
        findings.note(path, "unsigned", error.reason)
        return None


def _check_detached(findings: Findings, path: str, text: bytes, signature: bytes) -> bool:
    if findings.key is None:
        return True
    with tempfile.TemporaryDirectory() as folder:
        local, signed = Path(folder) / "signature", Path(folder) / "text"
        local.write_bytes(signature)
        signed.write_bytes(text)
        try:
            signatures.detached(local, signed, findings.key)
        except BadRequest:
            findings.note(path, "unsigned", f"it is not signed by a key in {findings.key}")
            return False
    return True


def _listed_in(file: str, text: bytes) -> Iterator[Published]:
    if file == "Packages.gz":
        for package in Packages.iter_paragraphs(text, use_apt_pkg=False):
            yield Published(
                package["Package"],
                package["Version"],
                package["Architecture"],
                package["Filename"],
                package["SHA256"],
            )
        return
    for source in Sources.iter_paragraphs(text, use_apt_pkg=False):
        for each in source["Checksums-Sha256"]:
            path = f"{source['Directory']}/{each['name']}"
            name, version = source["Package"], source["Version"]
            yield Published(name, version, "source", path, each["sha256"])


def _repomd(content: bytes) -> createrepo_c.Repomd:
    with tempfile.NamedTemporaryFile(suffix=".xml") as file:
        file.write(content)
        file.flush()
        return createrepo_c.Repomd(file.name)


def _is_signed(package: Path, key: Path) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        run = ("rpmkeys", "--dbpath", folder)
        imported = subprocess.run(
            [*run, "--import", key], capture_output=True, timeout=60, check=False
        )
        if imported.returncode != 0:
            raise InfrastructureFault(f"rpm cannot read {key}", imported.stderr.decode()[-1000:])
        result = subprocess.run(
            [*run, "--checksig", package], capture_output=True, text=True, timeout=60, check=False
        )
    # Without any signature the digests are OK too.
    return result.returncode == 0 and result.stdout.rstrip().endswith("digests signatures OK")
