"""What a client finds in a repository: read from nothing but what is served, all of it checked.

It knows the formats from their descriptions (Debian's repository format, apt-secure(8); rpm-md) and
shares no code with any of those who publish.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import subprocess
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from debian.deb822 import Packages, Release

from tests.benchmarks.publisher import CODENAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Set
    from pathlib import Path

    from tests.benchmarks.inputs import Format

_SECONDS = 60
_SPACES = {
    "repo": "http://linux.duke.edu/metadata/repo",
    "common": "http://linux.duke.edu/metadata/common",
}


class Wrong(Exception):  # noqa: N818 - what the repository is
    """A repository does not hold together, or does not list what it should."""


class Stale(Wrong):
    """All is well but a signature beside the text it is of, which few clients ask for."""


@dataclass(frozen=True)
class _File:
    path: str
    size: int
    sha256: str


def expect(package_format: Format, root: Path, ring: Path, names: Set[str]) -> None:
    """Raise :class:`Wrong` unless a repository is whole and lists files of just these names."""
    found = files_listed(package_format, root, ring)
    if found != names:
        missing, more = sorted(names - found)[:3], sorted(found - names)[:3]
        raise Wrong(
            f"{root} lists {len(found)} packages instead of {len(names)}: "
            f"without {missing}, with {more}"
        )


def files_listed(package_format: Format, root: Path, ring: Path) -> set[str]:
    """Names of the package files that the indexes list.

    Raises :class:`Wrong` when a signature, an index or a package is not what it is said to be, and
    :class:`Stale` when that is all right. RPM metadata need not be signed: most publishers leave
    that to the packages.
    """
    readers = {"deb": _deb, "rpm": _rpm}
    try:
        listed = list(readers[package_format](root, ring))
        for file in listed:
            _checked(root, file)
        for signature in root.glob(_BESIDE[package_format]):
            _check_beside(signature, ring)
    except (OSError, EOFError, LookupError, ValueError, lzma.LZMAError, ET.ParseError) as error:
        raise Wrong(f"{root} cannot be read: {error}") from error
    return {file.path.rpartition("/")[2] for file in listed}


def _deb(root: Path, ring: Path) -> Iterator[_File]:
    suite = root / "dists" / CODENAME
    release = Release(_opened(suite / "InRelease", ring))
    by_hash = release.get("Acquire-By-Hash") == "yes"
    texts = {}
    plain = {}
    for line in release["SHA256"]:
        file = _File(line["name"], int(line["size"]), line["sha256"])
        stem, _, ending = file.path.rpartition(".")
        if ending not in _UNPACKED:
            plain[file.path] = file
            continue
        if by_hash:
            path = PurePosixPath(file.path).with_name("by-hash") / "SHA256" / file.sha256
            file = _File(str(path), file.size, file.sha256)
        texts[stem] = _UNPACKED[ending](_checked(suite, file))
    for name in texts.keys() & plain.keys():
        _must_be(f"{suite}/{name}, unpacked", texts[name], plain[name])
    for package in Packages.iter_paragraphs(
        texts[f"main/binary-{_ARCHITECTURE}/Packages"].decode().splitlines(), use_apt_pkg=False
    ):
        yield _File(package["Filename"], int(package["Size"]), package["SHA256"])


def _rpm(root: Path, ring: Path) -> Iterator[_File]:
    del ring  # no client asks for the signature
    point = root / "repodata/repomd.xml"
    texts = {}
    for data in ET.fromstring(point.read_bytes()).iterfind("repo:data", _SPACES):  # noqa: S314
        found = {child.tag.partition("}")[2]: child for child in data}
        file = _File(
            found["location"].attrib["href"],
            int(found["size"].text or ""),
            found["checksum"].text or "",
        )
        text = gzip.decompress(_checked(root, file))
        if len(text) != int(found["open-size"].text or ""):
            raise Wrong(f"{file.path} unpacks to another size than is told")
        texts[data.attrib["type"]] = text
    primary = ET.fromstring(texts["primary"])  # noqa: S314
    packages = primary.findall("common:package", _SPACES)
    if len(packages) != int(primary.attrib["packages"]):
        raise Wrong(f"{root} miscounts its packages")
    for package in packages:
        found = {child.tag.partition("}")[2]: child for child in package}
        yield _File(
            found["location"].attrib["href"],
            int(found["size"].attrib["package"]),
            found["checksum"].text or "",
        )


_ARCHITECTURE = "amd64"
_BESIDE = {"deb": "dists/*/Release.gpg", "rpm": "repodata/repomd.xml.asc"}
_UNPACKED: dict[str, Callable[[bytes], bytes]] = {
    "bz2": bz2.decompress,
    "gz": gzip.decompress,
    "xz": lzma.decompress,
}


def _opened(signed: Path, ring: Path) -> bytes:
    """The text in a clear-signed file."""
    return _gpgv(ring, "--output", "-", str(signed))


def _check_beside(signature: Path, ring: Path) -> None:
    try:
        _gpgv(ring, str(signature), str(signature.with_suffix("")))
    except Wrong as wrong:
        raise Stale(str(wrong)) from wrong


def _gpgv(ring: Path, *arguments: str) -> bytes:
    done = subprocess.run(
        ["gpgv", "--keyring", ring, *arguments],
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise Wrong(f"{arguments[-1]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _checked(top: Path, file: _File) -> bytes:
    content = (top / file.path).read_bytes()
    _must_be(f"{top / file.path}", content, file)
    return content


def _must_be(what: str, content: bytes, file: _File) -> None:
    if len(content) != file.size or hashlib.sha256(content).hexdigest() != file.sha256:
        raise Wrong(f"{what}: {len(content)} bytes that are not the {file.size} that are listed")
