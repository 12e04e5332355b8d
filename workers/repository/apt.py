"""APT repositories: one component, by-hash indexes, InRelease last (apt-secure(8))."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from email.utils import format_datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, ClassVar

from debian.arfile import ArError
from debian.deb822 import Dsc, Packages, Sources
from debian.debfile import DebError, DebFile
from debian.debian_support import version_compare

from workers import files
from workers.names import file_name, package_name, version
from workers.outcome import BadRequest
from workers.repository.package import SHA256, Published
from workers.repository.table import PLAIN, Row

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from workers.repository.joined import Encoding
    from workers.repository.table import Layout, Table

COMPONENT = "main"
ARCHITECTURE = "amd64"
BINARY = "binary"
SOURCE = "source"
_PATHS = {
    "Packages": f"{COMPONENT}/binary-{ARCHITECTURE}/Packages",
    "Contents": f"{COMPONENT}/Contents-{ARCHITECTURE}",
    "Sources": f"{COMPONENT}/source/Sources",
}
_FIRST_LETTERS = 4  # Debian's pools file libfoo under libf
_WANTED = re.compile(r"^(Package|Version|Architecture|Filename|SHA256|Directory): (.*)$", re.M)
_SOURCE_FILES = re.compile(r"^Checksums-Sha256:[^\n]*\n((?: .*\n)+)", re.M)


class BinaryLayout:
    """``Packages`` and ``Contents``."""

    tells_plain = True
    """Or apt reads no package, and says nothing of it."""
    columns: ClassVar[dict[str, tuple[Encoding, ...]]] = {
        "Packages": ("gz", "xz"),
        "Contents": ("gz",),
    }

    def rows(self, texts: Mapping[str, str]) -> list[Row]:
        """Read a part back; a name's contents belong to its newest version, which is the first."""
        contents: dict[str, list[str]] = {}
        for line in texts["Contents"].splitlines(keepends=True):
            name = line.rstrip("\n").rpartition("/")[2]
            contents.setdefault(name, []).append(line)
        rows = []
        for text in _paragraphs(texts["Packages"]):
            found = dict(_WANTED.findall(text))
            package = Published(
                name=found["Package"],
                version=found["Version"],
                architecture=found["Architecture"],
                file=found["Filename"],
                sha256=found["SHA256"],
            )
            own = "".join(contents.pop(package.name, ()))
            rows.append(Row(package, (package.file,), {"Packages": text, "Contents": own}))
        return rows

    def head(self, column: str, rows: int) -> str:
        """Nothing."""
        del column, rows
        return ""

    def tail(self, column: str) -> str:
        """Nothing."""
        del column
        return ""


class SourceLayout(BinaryLayout):
    """``Sources``."""

    columns: ClassVar[dict[str, tuple[Encoding, ...]]] = {"Sources": ("gz", "xz")}

    def rows(self, texts: Mapping[str, str]) -> list[Row]:
        """Read a part back."""
        return [_source_row(text) for text in _paragraphs(texts["Sources"])]


@dataclass(frozen=True)
class AptFormat:
    """APT repositories with one distribution, named after the OS release."""

    codename: str
    origin: str
    valid_days: int | None = None
    """After so many days without a new generation clients refuse the repository."""

    layouts: Mapping[str, Layout] = field(
        default_factory=lambda: {BINARY: BinaryLayout(), SOURCE: SourceLayout()}
    )
    text_name: str = "Release"
    detached_signature: str = "Release.gpg"

    @property
    def commit_point(self) -> str:
        """The signed Release."""
        return f"dists/{self.codename}/InRelease"

    def read(self, folder: Path, root: Path) -> dict[str, list[tuple[Row, dict[str, Path]]]]:
        """Rows for a folder's DEB packages and source packages; none of them is signed."""
        del root
        binary = [_binary(path) for path in sorted(folder.glob("*.deb"))]
        if not binary:
            raise BadRequest(f"{folder} holds no DEB package")
        return {BINARY: binary, SOURCE: [_source(path) for path in sorted(folder.glob("*.dsc"))]}

    def compare(self, one: str, other: str) -> int:
        """Order of two versions, as dpkg orders them (deb-version(7))."""
        return int(version_compare(one, other))

    def digests(self, paths: Sequence[Path]) -> dict[Path, dict[str, str]]:
        """The SHA-256."""
        return {path: {SHA256: files.sha256(path)} for path in paths}

    def refuse_unsigned(
        self, packages: Sequence[Path], key: Path, keys: Collection[str], root: Path
    ) -> None:
        """DEB packages have no signatures; the index that lists them is signed."""

    def merge(self, kept: list[Row]) -> list[Row]:
        """Contents are told of the newest version only."""
        newest = kept[0].package.version
        return [
            row
            if row.package.version == newest or "Contents" not in row.texts
            else replace(row, texts={**row.texts, "Contents": ""})
            for row in kept
        ]

    def index_path(self, table: str, column: str, encoding: Encoding, sha256: str) -> str:
        """By hash, where an older Release still finds it."""
        del table, encoding
        folder = PurePosixPath(_PATHS[column]).parent
        return f"dists/{self.codename}/{folder}/by-hash/SHA256/{sha256}"

    def plain_names(self, tables: Mapping[str, Table]) -> dict[str, str | None]:
        """For clients that do not ask by hash."""
        return dict(self._named(tables, f"dists/{self.codename}"))

    def commit_text(self, tables: Mapping[str, Table], stamp: str, now: datetime) -> bytes:
        """The Release (Debian's repository format); the stamp makes it unlike any other."""
        lines = [
            f"Origin: {self.origin}",
            f"Label: {self.origin}",
            f"Suite: {self.codename}",
            f"Codename: {self.codename}",
            f"Date: {_date(now)}",
            f"X-Lockgate-Generation: {stamp}",
        ]
        if self.valid_days is not None:
            lines.append(f"Valid-Until: {_date(now + timedelta(days=self.valid_days))}")
        lines += [
            "Acquire-By-Hash: yes",
            f"Architectures: {ARCHITECTURE}",
            f"Components: {COMPONENT}",
            "SHA256:",
        ]
        for table in tables.values():
            for column, stored in table.files.items():
                for encoding, file in stored.items():
                    name = f"{_PATHS[column]}{f'.{encoding}' if encoding else ''}"
                    lines.append(f" {file.sha256} {file.size} {name}")
        return ("\n".join(lines) + "\n").encode()

    def snapshot_folder(self, stamp: str) -> str:
        """A distribution ``CODENAME/snapshots/STAMP`` with the generation's own indexes."""
        return f"dists/{self.codename}/snapshots/{stamp}"

    def snapshot(self, stamp: str, tables: Mapping[str, Table]) -> dict[str, str]:
        """Its indexes, by hash."""
        names = {}
        for name, path in self._named(tables, self.snapshot_folder(stamp)):
            folder = PurePosixPath(name).parent
            names[f"{folder}/by-hash/SHA256/{PurePosixPath(path).name}"] = path
        return names

    def snapshot_point(self, stamp: str) -> str:
        """Its InRelease."""
        return f"{self.snapshot_folder(stamp)}/InRelease"

    def snapshot_links(self, stamp: str) -> dict[str, str]:
        """None: the pool is found from the root."""
        del stamp
        return {}

    def _named(self, tables: Mapping[str, Table], top: str) -> Iterator[tuple[str, str]]:
        for name, table in tables.items():
            for column, stored in table.files.items():
                for encoding, file in stored.items():
                    if encoding != PLAIN:
                        path = self.index_path(name, column, encoding, file.sha256)
                        yield f"{top}/{_PATHS[column]}.{encoding}", path


def _date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True).replace("GMT", "UTC")


def _paragraphs(text: str) -> list[str]:
    return [f"{paragraph}\n\n" for paragraph in text.split("\n\n") if paragraph]


def _binary(path: Path) -> tuple[Row, dict[str, Path]]:
    """The index paragraph of a DEB (deb-control(5), plus where it is and its hash)."""
    try:
        with DebFile(str(path)) as deb:
            fields = Packages(deb.debcontrol())
            members = deb.data.tgz().getmembers()
    except (ArError, DebError, OSError, EOFError, ValueError, KeyError) as error:
        raise BadRequest(f"{path.name} is no DEB package: {error}") from error
    name, source = package_name(fields["Package"]), _source_name(fields)
    version(fields["Version"])
    if fields["Architecture"] not in (ARCHITECTURE, "all"):
        raise BadRequest(f"{name} is of architecture {fields['Architecture']}, not {ARCHITECTURE}")
    file = f"pool/{COMPONENT}/{_letter(source)}/{source}/{file_name(path.name)}"
    digest = files.sha256(path)
    fields["Filename"] = file
    fields["Size"] = str(path.stat().st_size)
    fields["SHA256"] = digest
    where = f"{fields.get('Section', 'unknown')}/{name}"
    contents = "".join(
        f"{listed} {where}\n"
        for member in members
        if not member.isdir() and (listed := member.name.removeprefix("./")).isprintable()
    )
    package = Published(name, fields["Version"], fields["Architecture"], file, digest)
    texts = {"Packages": fields.dump().rstrip("\n") + "\n\n", "Contents": contents}
    return Row(package, (file,), texts), {file: path}


def _source(path: Path) -> tuple[Row, dict[str, Path]]:
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
    row = _source_row(fields.dump().rstrip("\n") + "\n\n")
    sources = {file: path.parent / PurePosixPath(file).name for file in row.files}
    for source in sources.values():
        if not source.is_file():
            raise BadRequest(f"{path.name} lists {source.name}, which is not beside it")
    return row, sources


def _source_row(text: str) -> Row:
    found = dict(_WANTED.findall(text))
    listed = _SOURCE_FILES.search(text)
    lines = [line.split() for line in listed[1].splitlines()] if listed else []
    hashes = {file_name(name): digest for digest, _, name in lines}
    (dsc,) = [name for name in hashes if name.endswith(".dsc")]
    folder = found["Directory"]
    package = Published(found["Package"], found["Version"], SOURCE, f"{folder}/{dsc}", hashes[dsc])
    return Row(package, tuple(f"{folder}/{name}" for name in hashes), {"Sources": text})


def _source_name(fields: Packages) -> str:
    return package_name(fields.get("Source", fields["Package"]).split(" ")[0])


def _letter(source: str) -> str:
    return source[:_FIRST_LETTERS] if source.startswith("lib") else source[0]
