"""RPM repositories: metadata named by hash, repomd.xml last, with createrepo_c's own library."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import createrepo_c as cr
from rpm_vercmp import vercmp

from workers.names import file_name, package_name, version
from workers.outcome import BadRequest, InfrastructureFault
from workers.repository import files
from workers.repository.package import Published, newest, refuse_steps_back

_WRITERS = {
    "primary": cr.PrimaryXmlFile,
    "filelists": cr.FilelistsXmlFile,
    "other": cr.OtherXmlFile,
}
_CHANGELOG_ENTRIES = 10
# What signing does not change (see `lockgate-worker sign rpm`).
_IDENTITY = "%{SHA256HEADER} %{PAYLOADDIGEST}"


@dataclass(frozen=True)
class RpmRepository:
    """An RPM repository below ``root``."""

    root: Path

    @property
    def metadata(self) -> Path:
        """Folder of the metadata."""
        return self.root / "repodata"

    @property
    def commit_point(self) -> Path:
        """The file whose renaming publishes."""
        return self.metadata / "repomd.xml"

    def published(self) -> list[Any]:
        """Published packages as createrepo_c reads them; none before the first publish."""
        if not self.commit_point.exists():
            return []
        records = {record.type: record for record in cr.Repomd(str(self.commit_point)).records}
        paths = [str(self.root / records[part].location_href) for part in _WRITERS]
        try:
            return list(cr.RepositoryReader.from_metadata_files(*paths).iter_packages())
        except Exception as error:  # createrepo_c raises bare exceptions
            raise InfrastructureFault(f"{self.metadata} is damaged: {error}") from error

    def check(self, folder: Path) -> dict[Published, tuple[Path, Any]]:
        """A folder's packages, each with its file and what createrepo_c reads of it.

        Raises ChangeFault for a version that goes down or changes its content.
        """
        new = {}
        for path in sorted(folder.glob("*.rpm")):
            if not path.name.endswith(".src.rpm"):
                package = _read(path)
                new[_describe(package, identity(path))] = (path, package)
        if not new:
            raise BadRequest(f"{folder} holds no RPM package")
        published = [_describe(package) for package in self.published()]
        refuse_steps_back(
            (self._with_identity(package, new) for package in published), new, compare_versions
        )
        return new

    def put(self, folder: Path, keep: int) -> tuple[list[Any], list[Published]]:
        """Put a folder's packages in place; answer the next package list and what is new.

        Raises as :meth:`check` does.
        """
        new = self.check(folder)
        before = {_describe(package): package for package in self.published()}
        # A version that is there already stays as it is: another signing has other bytes.
        there = {(package.key, package.version) for package in before}
        added = [package for package in new if (package.key, package.version) not in there]
        for package in added:
            files.place(new[package][0], self.root / package.file)
        everything = before | {package: new[package][1] for package in added}
        kept = newest(everything, compare_versions, keep)
        return [everything[package] for package in kept], added

    def write_metadata(self, packages: list[Any]) -> bytes:
        """Write metadata where only a repomd.xml can lead to it; answer that file's text."""
        self.metadata.mkdir(parents=True, exist_ok=True)
        repomd = cr.Repomd()
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=self.root) as folder:
            for part, writer in _WRITERS.items():
                path = Path(folder) / f"{part}.xml.gz"
                content = cr.ContentStat(cr.SHA256)
                file = writer(str(path), cr.GZ_COMPRESSION, content)
                file.set_num_of_pkgs(len(packages))
                for package in packages:
                    file.add_pkg(package)
                file.close()
                record = cr.RepomdRecord(part, str(path))
                record.load_contentstat(content)
                record.fill(cr.SHA256)
                record.rename_file()
                written = Path(record.location_real)
                files.write(self.metadata / written.name, written.read_bytes())
                repomd.set_record(record)
        repomd.sort_records()
        text: str = repomd.xml_dump()
        return text.encode()

    def in_use(self) -> set[Path]:
        """Every file the published generation refers to."""
        used = {self.commit_point}
        for record in cr.Repomd(str(self.commit_point)).records:
            used.add(self.root / record.location_href)
        return used | {self.root / package.location_href for package in self.published()}

    def _with_identity(self, package: Published, new: dict[Published, Any]) -> Published:
        """Read a published package's identity if a new one has its very version."""
        same = any((p.key, p.version) == (package.key, package.version) for p in new)
        if not same:
            return package
        return Published(
            package.name,
            package.version,
            package.architecture,
            package.file,
            package.sha256,
            identity(self.root / package.file),
        )


def compare_versions(one: str, other: str) -> int:
    """Order of two ``[EPOCH:]VERSION-RELEASE`` as rpm orders them (rpm-version(7))."""
    for left, right in zip(_parts(one), _parts(other), strict=True):
        order = int(vercmp(left, right))
        if order:
            return order
    return 0


def identity(path: Path) -> str:
    """An RPM's header and payload digests: what is in it, whoever signed it."""
    result = subprocess.run(
        ["rpm", "-qp", "--nosignature", "--qf", _IDENTITY, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if result.returncode != 0:
        raise BadRequest(f"{path.name} is no RPM package: {result.stderr.strip()[:200]}")
    return result.stdout


def _parts(text: str) -> tuple[str, str, str]:
    epoch, colon, rest = text.rpartition(":")
    number, _, release = rest.partition("-")
    return (epoch if colon else "0"), number, release


def _read(path: Path) -> Any:
    try:
        package = cr.package_from_rpm(
            str(path), location_href="", changelog_limit=_CHANGELOG_ENTRIES
        )
    except Exception as error:  # createrepo_c raises bare exceptions
        raise BadRequest(f"{path.name} is no RPM package: {error}") from error
    name = package_name(package.name)
    package.location_href = f"Packages/{name[0].lower()}/{file_name(path.name)}"
    return package


def _describe(package: Any, its_identity: str | None = None) -> Published:
    epoch = "" if package.epoch in (None, "", "0") else f"{package.epoch}:"
    return Published(
        name=package_name(package.name),
        version=version(f"{epoch}{package.version}-{package.release}"),
        architecture=package.arch,
        file=package.location_href,
        sha256=package.pkgId,
        identity=its_identity or package.pkgId,
    )
