"""APT repositories: one component, by-hash indexes, InRelease last (apt-secure(8))."""

from __future__ import annotations

import gzip
import hashlib
import lzma
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

from debian.deb822 import Deb822, Dsc, Packages, Release, Sources
from debian.debfile import DebFile
from debian.debian_support import version_compare

from workers.names import file_name, package_name, version
from workers.outcome import BadRequest, InfrastructureFault
from workers.repository import files
from workers.repository.package import Published, newest, refuse_steps_back

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

COMPONENT = "main"
ARCHITECTURE = "amd64"
_BINARY = f"{COMPONENT}/binary-{ARCHITECTURE}/Packages"
_SOURCE = f"{COMPONENT}/source/Sources"
_FIRST_LETTERS = 4  # Debian's pools file libfoo under libf


@dataclass(frozen=True)
class Entry:
    """A package with its paragraph of the index."""

    package: Published
    text: str


@dataclass(frozen=True)
class AptRepository:
    """An APT repository below ``root``, with one distribution named after the OS release."""

    root: Path
    codename: str

    @property
    def distribution(self) -> Path:
        """Folder of the distribution's indexes."""
        return self.root / "dists" / self.codename

    @property
    def commit_point(self) -> Path:
        """The file whose renaming publishes."""
        return self.distribution / "InRelease"

    def published(self) -> dict[str, list[Entry]]:
        """Entries of the published indexes, by index path; empty before the first publish."""
        if not self.commit_point.exists():
            return {_BINARY: [], _SOURCE: []}
        release = Release(self.commit_point.read_bytes())
        hashes = {line["name"]: line["sha256"] for line in release["SHA256"]}
        return {index: self._read(index, hashes.get(index)) for index in (_BINARY, _SOURCE)}

    def check(self, folder: Path) -> dict[str, list[Entry]]:
        """The entries of a folder's packages, by index path.

        Raises ChangeFault for a version that goes down or changes its bytes.
        """
        before = self.published()
        new = {
            _BINARY: [_binary(path) for path in sorted(folder.glob("*.deb"))],
            _SOURCE: [_source(path) for path in sorted(folder.glob("*.dsc"))],
        }
        if not new[_BINARY]:
            raise BadRequest(f"{folder} holds no DEB package")
        for index, entries in new.items():
            refuse_steps_back(
                (entry.package for entry in before[index]),
                (entry.package for entry in entries),
                version_compare,
            )
        return new

    def put(self, folder: Path, keep: int) -> tuple[dict[str, list[Entry]], list[Entry]]:
        """Put a folder's packages into the pool; answer the next indexes and what is new.

        Raises as :meth:`check` does.
        """
        before, new = self.published(), self.check(folder)
        after = {}
        for index, entries in new.items():
            texts = {entry.package: entry for entry in (*before[index], *entries)}
            kept = newest((entry.package for entry in texts.values()), version_compare, keep)
            after[index] = [texts[package] for package in kept]
        for entry in new[_BINARY]:
            file = self.root / entry.package.file
            files.place(folder / file.name, file)
        for entry in new[_SOURCE]:
            dsc = self.root / entry.package.file
            for name in _source_files(folder / dsc.name):
                files.place(folder / name, dsc.parent / name)
        known = {entry.package for entries in before.values() for entry in entries}
        everything = [entry for entries in new.values() for entry in entries]
        return after, [entry for entry in everything if entry.package not in known]

    def write_indexes(self, indexes: dict[str, list[Entry]], origin: str) -> bytes:
        """Write the indexes where only a Release can lead to them; answer the Release's text."""
        listed = []
        for index, entries in indexes.items():
            text = "\n".join(entry.text for entry in entries).encode()
            variants = {
                index: text,
                f"{index}.gz": gzip.compress(text, 9, mtime=0),
                f"{index}.xz": lzma.compress(text),
            }
            for name, content in variants.items():
                digest = hashlib.sha256(content).hexdigest()
                path = self.distribution / name
                files.write(path.parent / "by-hash" / "SHA256" / digest, content)
                listed.append(f" {digest} {len(content)} {name}")
        return _release(origin, self.codename, listed)

    def show_indexes(self, release: bytes) -> None:
        """Give the indexes their plain names, for clients that do not ask by hash."""
        for line in Release(release)["SHA256"]:
            path = self.distribution / line["name"]
            files.link(path.parent / "by-hash" / "SHA256" / line["sha256"], path)

    def in_use(self) -> set[Path]:
        """Every file the published generation refers to."""
        used = {self.commit_point}
        for line in Release(self.commit_point.read_bytes())["SHA256"]:
            path = self.distribution / line["name"]
            used |= {path, path.parent / "by-hash" / "SHA256" / line["sha256"]}
        for entries in self.published().values():
            for entry in entries:
                used.add(self.root / entry.package.file)
                if entry.package.architecture == "source":
                    dsc = self.root / entry.package.file
                    used |= {dsc.parent / name for name in _source_files(dsc)}
        return used

    def _read(self, index: str, digest: str | None) -> list[Entry]:
        path = self.distribution / index
        by_hash = path.parent / "by-hash" / "SHA256" / str(digest)
        try:
            content = by_hash.read_bytes()
        except OSError as error:
            raise InfrastructureFault(f"{by_hash} is missing: restore the repository") from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise InfrastructureFault(f"{by_hash} is damaged: restore the repository")
        paragraphs = content.decode().split("\n\n")
        return [_entry(text.strip("\n") + "\n") for text in paragraphs if text.strip()]


def _release(origin: str, codename: str, listed: Iterable[str]) -> bytes:
    now = format_datetime(datetime.now(UTC), usegmt=True)
    lines = [
        f"Origin: {origin}",
        f"Label: {origin}",
        f"Suite: {codename}",
        f"Codename: {codename}",
        f"Date: {now.replace('GMT', 'UTC')}",
        "Acquire-By-Hash: yes",
        f"Architectures: {ARCHITECTURE}",
        f"Components: {COMPONENT}",
        "SHA256:",
        *listed,
    ]
    return ("\n".join(lines) + "\n").encode()


def _entry(text: str) -> Entry:
    """Read an index paragraph back."""
    fields = Deb822(text)
    if "Directory" in fields:
        source = Sources(text)
        (dsc,) = [f for f in source["Checksums-Sha256"] if f["name"].endswith(".dsc")]
        return Entry(
            Published(
                name=fields["Package"],
                version=fields["Version"],
                architecture="source",
                file=f"{fields['Directory']}/{dsc['name']}",
                sha256=dsc["sha256"],
                identity=dsc["sha256"],
            ),
            text,
        )
    return Entry(
        Published(
            name=fields["Package"],
            version=fields["Version"],
            architecture=fields["Architecture"],
            file=fields["Filename"],
            sha256=fields["SHA256"],
            identity=fields["SHA256"],
        ),
        text,
    )


def _binary(path: Path) -> Entry:
    """The index paragraph of a DEB (deb-control(5), plus where it is and its hash)."""
    with DebFile(str(path)) as deb:
        fields = Packages(deb.debcontrol())
    name, source = package_name(fields["Package"]), _source_name(fields)
    version(fields["Version"])
    digest = files.sha256(path)
    fields["Filename"] = f"pool/{COMPONENT}/{_letter(source)}/{source}/{file_name(path.name)}"
    fields["Size"] = str(path.stat().st_size)
    fields["SHA256"] = digest
    if fields["Architecture"] not in (ARCHITECTURE, "all"):
        raise BadRequest(f"{name} is of architecture {fields['Architecture']}, not {ARCHITECTURE}")
    return _entry(fields.dump())


def _source(path: Path) -> Entry:
    """The index paragraph of a source package, from its dsc(5)."""
    dsc = Dsc(path.read_bytes())
    name = package_name(dsc["Source"])
    version(dsc["Version"])
    fields = Sources(dsc.dump())
    del fields["Source"]
    fields["Package"] = name
    fields["Directory"] = f"pool/{COMPONENT}/{_letter(name)}/{name}"
    digest, size = files.sha256(path), str(path.stat().st_size)
    fields["Checksums-Sha256"].append(
        {"sha256": digest, "size": size, "name": file_name(path.name)}
    )
    for weak in ("Files", "Checksums-Sha1"):
        if weak in fields:
            del fields[weak]
    fields.order_first("Package")
    return _entry(fields.dump())


def _source_files(dsc: Path) -> list[str]:
    """All files of a source package, the dsc itself included."""
    listed = Dsc(dsc.read_bytes())["Checksums-Sha256"]
    return [dsc.name, *(file_name(line["name"]) for line in listed)]


def _source_name(fields: Packages) -> str:
    return package_name(fields.get("Source", fields["Package"]).split(" ")[0])


def _letter(source: str) -> str:
    return source[:_FIRST_LETTERS] if source.startswith("lib") else source[0]
