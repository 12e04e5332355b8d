"""What a DEB source tree says about itself: control, changelog and source format."""

from __future__ import annotations

import email.utils
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from debian.changelog import Changelog, ChangelogParseError
from debian.deb822 import Deb822

from workers import names
from workers.build.tree import allowed_archives, read_text, refuse_archives
from workers.outcome import ChangeFault

if TYPE_CHECKING:
    from pathlib import Path

QUILT = "3.0 (quilt)"
NATIVE = "3.0 (native)"
PLAIN = "1.0"
ALLOWED_ARCHIVES = "debian/source/allowed-archives"
_OLDEST = 315532800  # 1980-01-01, where the times of zip archives begin
_NEWEST = 1 << 32

logging.getLogger("debian.changelog").setLevel(logging.ERROR)


@dataclass(frozen=True)
class DebSource:
    """A source package as its tree describes it."""

    name: str
    version: str
    format: str
    epoch: int
    """SOURCE_DATE_EPOCH: when the newest changelog entry was signed, in seconds since 1970."""
    upstream_epoch: int
    """The same of the first entry with this upstream version: the upstream archive's time."""
    packages: frozenset[str]
    """Binary packages that debian/control names."""

    @property
    def upstream_version(self) -> str:
        """The version without epoch and Debian revision."""
        plain = self.version.partition(":")[2] or self.version
        return plain.rpartition("-")[0] or plain

    @property
    def file_version(self) -> str:
        """The version as it stands in file names."""
        return self.version.partition(":")[2] or self.version

    @property
    def folder(self) -> str:
        """The one name of the tree's folder while it is built; archives depend on it."""
        return f"{self.name}-{self.upstream_version}"


def read_deb_source(tree: Path) -> DebSource:
    """Check and read a tree; ChangeFault says what is wrong with it and what to do."""
    control = read_text(tree, "debian/control")
    changelog = read_text(tree, "debian/changelog")
    read_text(tree, "debian/rules")
    refuse_archives(tree, allowed_archives(tree, ALLOWED_ARCHIVES), ALLOWED_ARCHIVES)
    source_format = _format(tree)
    name, packages = _control(control)
    log = _changelog(changelog)
    newest = log[0]
    if newest.package != name:
        raise ChangeFault(
            f"debian/changelog is for {newest.package!a} but debian/control for {name!a}"
        )
    version = names.checked_in("debian/changelog", names.version, str(newest.version))
    if source_format == NATIVE and newest.version.debian_revision is not None:
        raise ChangeFault(
            f"version {version} has a Debian revision, which source format {NATIVE} does not "
            f"allow: use {QUILT} or a version without '-'"
        )
    if source_format == QUILT and newest.version.debian_revision is None:
        raise ChangeFault(
            f"version {version} has no Debian revision, which source format {QUILT} needs: "
            f"append '-1' or use {NATIVE}"
        )
    same_upstream = [
        block for block in log if block.version.upstream_version == newest.version.upstream_version
    ]
    return DebSource(
        name=name,
        version=version,
        format=source_format,
        epoch=_seconds(newest.date),
        upstream_epoch=_seconds(same_upstream[-1].date),
        packages=frozenset(packages),
    )


def _format(tree: Path) -> str:
    if not (tree / "debian/source/format").exists():
        return PLAIN
    found = read_text(tree, "debian/source/format").strip()
    if found not in {QUILT, NATIVE, PLAIN}:
        raise ChangeFault(
            f"debian/source/format {found[:40]!a} is not supported:"
            f" use {QUILT}, {NATIVE} or {PLAIN}"
        )
    return found


def _control(text: str) -> tuple[str, list[str]]:
    try:
        paragraphs = list(Deb822.iter_paragraphs(text.splitlines()))
    except ValueError as error:
        raise ChangeFault(f"debian/control cannot be read: {error}") from error
    if not paragraphs or "Source" not in paragraphs[0]:
        raise ChangeFault("debian/control does not begin with a Source paragraph")
    packages = [paragraph.get("Package", "") for paragraph in paragraphs[1:]]
    if not packages:
        raise ChangeFault("debian/control describes no binary package")
    where = "debian/control"
    return (
        names.checked_in(where, names.package_name, paragraphs[0]["Source"]),
        [names.checked_in(where, names.package_name, package) for package in packages],
    )


def _changelog(text: str) -> Changelog:
    try:
        log = Changelog(text)  # not strictly: entries of decades ago are part of real packages
        complete = len(log) > 0 and log[0].package and log[0].version and log[0].date
    except (ChangelogParseError, ValueError) as error:
        raise ChangeFault(f"debian/changelog cannot be read: {error}") from error
    if not complete:
        raise ChangeFault("debian/changelog has no complete newest entry: see deb-changelog(5)")
    return log


def _seconds(date: str | None) -> int:
    try:
        seconds = int(email.utils.parsedate_to_datetime(date or "").timestamp())
    except (ValueError, TypeError, OverflowError) as error:
        raise ChangeFault(f"debian/changelog: {date!a} is no date: {error}") from error
    if not _OLDEST <= seconds < _NEWEST:
        raise ChangeFault(f"debian/changelog: the date {date!a} is out of range")
    return seconds
