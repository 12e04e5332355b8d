"""RPM repositories: metadata named by hash, repomd.xml last, with createrepo_c's own library."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import createrepo_c as cr
from rpm_vercmp import vercmp

from workers import files
from workers.names import file_name, package_name, version
from workers.outcome import BadRequest
from workers.repository.generations import moment
from workers.repository.package import KEPT_BY_SIGNING, SHA256, Published
from workers.repository.rpm_programs import kept_digests, refuse_unsigned
from workers.repository.table import PLAIN, Row

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from workers.repository.joined import Encoding
    from workers.repository.table import Layout, Stored, Table

PACKAGES = "packages"
Compression = Literal["gz", "zst"]
_CHANGELOG_ENTRIES = 10
_END = "</package>\n"
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_COMMON = (
    'xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm"'
)
_TOPS = {
    "primary": ("metadata", _COMMON),
    "filelists": ("filelists", 'xmlns="http://linux.duke.edu/metadata/filelists"'),
    "other": ("otherdata", 'xmlns="http://linux.duke.edu/metadata/other"'),
}
_DUMPS = {
    "primary": cr.xml_dump_primary,
    "filelists": cr.xml_dump_filelists,
    "other": cr.xml_dump_other,
}
_PRIMARY = re.compile(
    r"<name>(?P<name>[^<]*)</name>\s*<arch>(?P<arch>[^<]*)</arch>\s*"
    r'<version epoch="(?P<epoch>[^"]*)" ver="(?P<ver>[^"]*)" rel="(?P<rel>[^"]*)"/>\s*'
    r'<checksum type="sha256" pkgid="YES">(?P<sha256>[0-9a-f]{64})</checksum>'
    r'.*?<location href="(?P<href>[^"]*)"/>',
    re.DOTALL,
)


class RpmLayout:
    """``primary``, ``filelists`` and ``other``."""

    tells_plain = False
    """Clients check what they fetch, which is compressed."""

    def __init__(self, compression: Encoding) -> None:
        self.columns: Mapping[str, tuple[Encoding, ...]] = dict.fromkeys(_TOPS, (compression,))

    def rows(self, texts: Mapping[str, str]) -> list[Row]:
        """Read a part back."""
        split = {column: text.split(_END)[:-1] for column, text in texts.items()}
        return [
            Row(package, (package.file,), {name: own[number] + _END for name, own in split.items()})
            for number, package in enumerate(listed(texts["primary"]))
        ]

    def head(self, column: str, rows: int) -> str:
        """The document's beginning, which tells how many packages follow."""
        name, spaces = _TOPS[column]
        return f'{_XML}<{name} {spaces} packages="{rows}">\n'

    def tail(self, column: str) -> str:
        """The document's end."""
        return f"</{_TOPS[column][0]}>\n"


@dataclass(frozen=True)
class RpmFormat:
    """RPM repositories; ``gz`` metadata can be read by every client, ``zst`` by new ones."""

    compression: Compression = "gz"

    commit_point: str = "repodata/repomd.xml"
    text_name: str = "repomd.xml"
    detached_signature: str = "repomd.xml.asc"

    @property
    def layouts(self) -> Mapping[str, Layout]:
        """One table of all packages."""
        return {PACKAGES: RpmLayout(self.compression)}

    def read(self, folder: Path, root: Path) -> dict[str, list[tuple[Row, dict[str, Path]]]]:
        """Rows for a folder's RPM packages, source packages among them."""
        paths = sorted(folder.glob("*.rpm"))
        if not paths:
            raise BadRequest(f"{folder} holds no RPM package")
        return {PACKAGES: [_read_once(path, root) for path in paths]}

    def compare(self, one: str, other: str) -> int:
        """Order of two ``[EPOCH:]VERSION-RELEASE`` as rpm orders them (rpm-version(7))."""
        for left, right in zip(_parts(one), _parts(other), strict=True):
            order = int(vercmp(left, right))
            if order:
                return order
        return 0

    def digests(self, paths: Sequence[Path]) -> dict[Path, dict[str, str]]:
        """The SHA-256 of signed packages, and those of header and payload."""
        return {
            path: {SHA256: files.sha256(path), **dict(zip(KEPT_BY_SIGNING, kept, strict=True))}
            for path, kept in zip(paths, kept_digests(paths), strict=True)
        }

    def refuse_unsigned(
        self, packages: Sequence[Path], key: Path, keys: Collection[str], root: Path
    ) -> None:
        """As rpm does it."""
        refuse_unsigned(packages, key, keys, root / ".keys")

    def merge(self, kept: list[Row]) -> list[Row]:
        """As they are."""
        return kept

    def index_path(self, table: str, column: str, encoding: Encoding, sha256: str) -> str:
        """Named by hash, where an older repomd.xml still finds it."""
        del table
        return f"repodata/{sha256}-{column}.xml.{encoding}"

    def plain_names(self, tables: Mapping[str, Table]) -> dict[str, str | None]:
        """No client asks for them; rsync(1) finds by them what a mirror has already."""
        names: dict[str, str | None] = {
            f"repodata/{column}.xml.{encoding}": None
            for column in _TOPS
            for encoding in get_args(Compression)
        }
        for column, encoding, stored in _packed(tables):
            path = self.index_path(PACKAGES, column, encoding, stored.sha256)
            names[f"repodata/{column}.xml.{encoding}"] = path
        return names

    def commit_text(self, tables: Mapping[str, Table], stamp: str, now: datetime) -> bytes:
        """The repomd.xml; the stamp, its revision, makes it unlike any other."""
        # Its times never go back, as the clock may: yum takes such metadata for outdated.
        del now
        repomd = cr.Repomd()
        repomd.set_revision(stamp)
        for column, encoding, packed in _packed(tables):
            record = cr.RepomdRecord(column, None)
            record.location_href = self.index_path(PACKAGES, column, encoding, packed.sha256)
            record.checksum_type = "sha256"
            record.checksum, record.size = packed.sha256, packed.size
            record.size_open = packed.unpacked
            record.timestamp = int(moment(stamp).timestamp())
            repomd.set_record(record)
        repomd.sort_records()
        text: str = repomd.xml_dump()
        return text.encode()

    def snapshot_folder(self, stamp: str) -> str:
        """A repository ``snapshots/STAMP`` beside the packages, with the generation's metadata."""
        return f"snapshots/{stamp}"

    def snapshot(self, stamp: str, tables: Mapping[str, Table]) -> dict[str, str]:
        """Its metadata."""
        names = {}
        for column, encoding, stored in _packed(tables):
            path = self.index_path(PACKAGES, column, encoding, stored.sha256)
            names[f"{self.snapshot_folder(stamp)}/{path}"] = path
        return names

    def snapshot_point(self, stamp: str) -> str:
        """Its repomd.xml."""
        return f"{self.snapshot_folder(stamp)}/{self.commit_point}"

    def snapshot_links(self, stamp: str) -> dict[str, str]:
        """The packages, which metadata names from where it is itself."""
        return {f"snapshots/{stamp}/Packages": "../../Packages"}


def listed(primary: str) -> Iterator[Published]:
    """The packages that primary metadata lists, or a part of it."""
    for text in primary.split(_END)[:-1]:
        found = _PRIMARY.search(text)
        if found is None:
            raise ValueError("primary metadata is damaged")
        yield Published(
            name=found["name"],
            version=_version(found["epoch"], found["ver"], found["rel"]),
            architecture=found["arch"],
            file=found["href"],
            sha256=found["sha256"],
        )


def identity(path: Path) -> str:
    """An RPM's header and payload digests: what is in it, whoever signed it."""
    ((header, payload),) = kept_digests([path])
    return f"{header} {payload}"


def _packed(tables: Mapping[str, Table]) -> Iterator[tuple[str, Encoding, Stored]]:
    """The stored files, as they were encoded when they were made."""
    for column, stored in tables[PACKAGES].files.items():
        for encoding, file in stored.items():
            if encoding != PLAIN:
                yield column, encoding, file


def _version(epoch: str | None, number: str, release: str) -> str:
    return version(f"{'' if epoch in (None, '', '0') else f'{epoch}:'}{number}-{release}")


def _parts(text: str) -> tuple[str, str, str]:
    epoch, colon, rest = text.rpartition(":")
    number, _, release = rest.partition("-")
    return (epoch if colon else "0"), number, release


def _read_once(path: Path, root: Path) -> tuple[Row, dict[str, Path]]:
    """Read a package: the file that the repository has, if that is the same but for signatures."""
    row, sources = _read(path)
    published = root / row.package.file
    if not published.exists() or files.sha256(published) == row.package.sha256:
        return row, sources
    one, other = kept_digests([path, published])
    return _read(published) if one == other else (row, sources)


def _read(path: Path) -> tuple[Row, dict[str, Path]]:
    try:
        package = cr.package_from_rpm(
            str(path), location_href="", changelog_limit=_CHANGELOG_ENTRIES
        )
    except Exception as error:  # createrepo_c raises bare exceptions
        raise BadRequest(f"{path.name} is no RPM package: {error}") from error
    name = package_name(package.name)
    file = f"Packages/{name[0].lower()}/{file_name(path.name)}"
    package.location_href = file
    # When it was copied here is nothing that clients or another run should see.
    package.time_file = package.time_build
    published = Published(
        name=name,
        version=_version(package.epoch, package.version, package.release),
        architecture=package.arch,
        file=file,
        sha256=package.pkgId,
    )
    texts = {column: _dumped(dump, package) for column, dump in _DUMPS.items()}
    return Row(published, (file,), texts), {file: path}


def _dumped(dump: Any, package: Any) -> str:
    return str(dump(package)).rstrip("\n") + "\n"
