"""Builds an RPM package: an SRPM from a source tree and a spec, and from it the packages.

Bits repeat because every build has the same folder, host name and time (that of the spec's newest
changelog entry), and source archives are made by :mod:`workers.build.tarball`.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workers import names
from workers.build import failure
from workers.build.commands import Commands
from workers.build.inputs import Inputs
from workers.build.request import (
    BUILD_USER,
    BuildRequest,
    Stages,
    digests,
    take_result,
    unpack,
)
from workers.build.store import made_before
from workers.build.tarball import COMPRESSIONS, write_compressed
from workers.build.tree import read_text, refuse_archives, tree_id
from workers.clients.dnf import dnf_files
from workers.files import sha256
from workers.outcome import BadRequest, ChangeFault
from workers.roots import make_root
from workers.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

_TOP = "/build/rpmbuild"
_FETCHED = "/var/cache/dnf"
_SOURCES = f"{_TOP}/SOURCES"
_DIST = re.compile(r"\.[A-Za-z0-9][A-Za-z0-9._~+]*")
_SOURCE_TAG = re.compile(r"^source0?\s*:\s*(\S+)\s*$", re.IGNORECASE | re.MULTILINE)
# What rpmspec makes of %setup: into the build folder, unpack, into the source's own folder.
_SETUP = re.compile(
    rf"^%prep\n.*?^cd '{re.escape(_TOP)}/BUILD'\n.*?^cd '([^'\n]*)'$", re.MULTILINE | re.DOTALL
)
# Each of these alone leaves differences between two builds; all four together leave none.
_MACROS = {
    "_topdir": _TOP,
    "_buildhost": "lockgate",
    "source_date_epoch_from_changelog": "1",
    "use_source_date_epoch_as_buildtime": "1",
    "clamp_mtime_to_source_date_epoch": "1",
}
_FIELDS = ("NAME", "VERSION", "RELEASE", "ARCH", "SHA256HEADER", "PAYLOADDIGEST", "SOURCERPM")
_FORM = "".join(f"%{{{field}}}\\n" for field in _FIELDS)


@dataclass(frozen=True)
class _Spec:
    """What a spec says after its macros are expanded."""

    name: str
    version: str
    epoch: int
    archive: str
    folder: str


def build_rpm(request: BuildRequest, *, packaging: Path, spec: str, dist: str) -> dict[str, Any]:
    """Build and return the answer of ``lockgate-worker build rpm``.

    ``packaging`` is the folder of the file named ``spec`` and of further sources and patches;
    ``dist`` becomes the macro of that name. Raises ChangeFault for what is wrong with the trees,
    the build or its results.
    """
    names.file_name(spec)
    if not spec.endswith(".spec"):
        raise BadRequest(f"{spec!a} is not the name of a spec file")
    if _DIST.fullmatch(dist) is None:
        raise BadRequest(f"dist {dist!a} must be a dot followed by letters, digits and . _ ~ +")
    stages = Stages(request.limits.seconds)
    read_text(packaging, spec)
    refuse_archives(packaging, packaging="")
    refuse_archives(request.source, packaging=None)
    request.prepare_out()
    stages.done("checks")
    image = make_root("rpm-build", request.roots)
    stages.done("root")
    with Sandbox(image.path, limits=request.limits, log=request.log) as sandbox:
        build = _Build(request, sandbox, stages, {**_MACROS, "dist": dist})
        described = build.make_source_package(packaging, spec)
        stages.done("source")
        dependencies = build.fetch_dependencies()
        inputs = Inputs(
            "rpm",
            {"source": tree_id(request.source), "packaging": tree_id(packaging)},
            image.id,
            dependencies,
            {"spec": spec, "dist": dist},
        )
        before = made_before(request.store, inputs)
        if before is not None:
            return before
        if dependencies:
            build.install_dependencies()
        stages.done("dependencies")
        build.build()
        stages.done("build")
        results = build.take_results()
        stages.done("results")
    return {
        **results,
        "name": described.name,
        "version": described.version,
        "source_date_epoch": described.epoch,
        "inputs": inputs.words(),
        "log": str(request.log),
        "stages": stages.seconds,
    }


def _rounded(changelog_time: int) -> int:
    """Return the SOURCE_DATE_EPOCH that rpmbuild takes from a changelog time.

    rpm puts dates without a time of day at noon, but takes midnight so that it is past everywhere.
    """
    day = 86400
    return changelog_time - day // 2 if changelog_time % day == day // 2 else changelog_time


class _Build:
    def __init__(
        self, request: BuildRequest, sandbox: Sandbox, stages: Stages, macros: dict[str, str]
    ) -> None:
        self._request = request
        self._sandbox = sandbox
        self._stages = stages
        self._commands = Commands(sandbox, stages, request.log)
        self._defines = [
            argument
            for name, value in macros.items()
            for argument in ("--define", f"{name} {value}")
        ]
        self._source_package = ""

    def make_source_package(self, packaging: Path, spec: str) -> _Spec:
        """Make the SRPM and return what its spec says."""
        unpack(self._sandbox, packaging, folder=_TOP, top="SOURCES", mtime=0)
        path = f"{_SOURCES}/{spec}"
        described = self._describe_spec(path)
        # Now that the build's time is known, the files get it.
        unpack(self._sandbox, packaging, folder=_TOP, top="SOURCES", mtime=described.epoch)
        self._add_archive(described)
        self._commands.must("making the source package", "rpmbuild", "-bs", *self._defines, path)
        folder = f"{_TOP}/SRPMS"
        made = [name for name in self._sandbox.names(folder) if name.endswith(".src.rpm")]
        if len(made) != 1:
            raise ChangeFault(f"the spec made {len(made)} source packages instead of one")
        self._source_package = f"{folder}/{names.checked_in(spec, names.file_name, made[0])}"
        return described

    def fetch_dependencies(self) -> tuple[str, ...]:
        """Fetch the spec's BuildRequires from the repositories; answer their files' digests.

        Without repositories, what the root does not provide is named by rpmbuild itself.
        """
        for path, content in dnf_files(self._request.repositories).items():
            self._sandbox.write(path, content)
        if not self._request.repositories:
            return ()
        # Downloading runs nothing of the packages, installing does: so that has no network.
        self._dnf("builddep", "--downloadonly", self._source_package, network=True)
        return digests(self._sandbox, _FETCHED, "*.rpm")

    def install_dependencies(self) -> None:
        """Install what was fetched."""
        self._dnf("--cacheonly", "builddep", self._source_package, network=False)

    def build(self) -> None:
        """Build the packages from the SRPM as an ordinary user without network."""
        self._commands.must(
            "building", "rpmbuild", "--rebuild", *self._defines, self._source_package
        )

    def take_results(self) -> dict[str, Any]:
        """Copy out the SRPM and the packages made from it, each checked."""
        found: dict[str, str] = {}
        source, _ = self._take(self._source_package, found)
        source["architecture"] = "src"  # its header has that of the machine it was made on
        packages = []
        for architecture in self._sandbox.names(f"{_TOP}/RPMS"):
            for name in self._sandbox.names(f"{_TOP}/RPMS/{architecture}"):
                names.checked_in("results", names.file_name, name)
                package, made_from = self._take(f"{_TOP}/RPMS/{architecture}/{name}", found)
                if made_from != source["file"]:
                    raise ChangeFault(f"{name} says it was made from {made_from!a}")
                packages.append(package)
        if not packages:
            raise ChangeFault("the build made no package")
        return {"packages": packages, "source": source, "files": found}

    def _describe_spec(self, path: str) -> _Spec:
        form = "%{NAME}\\n%{VERSION}\\n%{CHANGELOGTIME}\\n"
        query = ["rpmspec", "--query", "--srpm", *self._defines, f"--queryformat={form}", path]
        fields = self._commands.ask(*query).splitlines()
        if len(fields) != 3:
            raise ChangeFault(f"the spec has no single name, version and date: {fields[:3]!a}")
        name, version, time = fields
        where = path.rpartition("/")[2]
        names.checked_in(where, names.package_name, name)
        names.checked_in(where, names.version, version)
        if not time.isdecimal():
            raise ChangeFault(f"{where} has no %changelog: the newest entry's date is the build's")
        expanded = self._commands.ask("rpmspec", "--parse", *self._defines, path)
        tag = _SOURCE_TAG.search(expanded)
        if tag is None:
            raise ChangeFault(f"{where} has no Source0 for the source tree")
        archive = names.checked_in(where, names.file_name, tag[1].rpartition("/")[2])
        if not archive.endswith(COMPRESSIONS):
            raise ChangeFault(f"{where}: Source0 {archive} must end in {', '.join(COMPRESSIONS)}")
        setup = _SETUP.search(expanded)
        folder = setup[1] if setup else f"{name}-{version}"
        return _Spec(
            name=name,
            version=version,
            epoch=_rounded(int(time)),
            archive=archive,
            folder=names.checked_in(f"{where}: %setup", names.file_name, folder),
        )

    def _add_archive(self, spec: _Spec) -> None:
        """Make Source0 from the source tree."""
        with tempfile.TemporaryFile() as file:
            source = self._request.source
            write_compressed(source, file, name=spec.archive, top=spec.folder, mtime=spec.epoch)
            self._sandbox.write(f"{_SOURCES}/{spec.archive}", file, owner=BUILD_USER)

    def _take(self, path: str, found: dict[str, str]) -> tuple[dict[str, Any], str]:
        """Copy one package out; return what its header says and which SRPM it names."""
        file = path.rpartition("/")[2]
        query = ["rpm", "--query", "--package", "--nosignature", f"--queryformat={_FORM}", path]
        fields = self._commands.ask(*query).splitlines()
        if len(fields) != len(_FIELDS):
            raise ChangeFault(f"{file} has no readable header")
        name, version, release, architecture, header, payload, made_from = fields
        names.checked_in(file, names.package_name, name)
        names.checked_in(file, names.version, version)
        names.checked_in(file, names.version, release)
        taken = take_result(self._sandbox, path, self._request.out)
        found[file] = sha256(taken)
        return {
            "file": file,
            "name": name,
            "version": version,
            "release": release,
            "architecture": architecture,
            "sha256": found[file],
            "size": taken.stat().st_size,
            "header_sha256": header,
            "payload_digest": payload,
        }, made_from

    def _dnf(self, *arguments: str, network: bool) -> None:
        settings = ("install_weak_deps=False", "keepcache=True", "skip_if_unavailable=False")
        result = self._sandbox.run(
            ["dnf", "--assumeyes", *(f"--setopt={setting}" for setting in settings), *arguments],
            as_root=True,
            network=network,
            seconds=self._stages.left,
        )
        if not result.success:
            raise failure.explain_dependencies(result, self._request.log)
