"""Builds an RPM package: an SRPM from a source tree and a spec, and from it the packages.

Bits repeat because every build has the same folder, host name and time (that of the spec's newest
changelog entry), and source archives are made by :mod:`workers.build.tarball`.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workers import names
from workers.build.commands import Commands
from workers.build.executors.mock import MockExecutor
from workers.build.executors.sandbox import SandboxExecutor
from workers.build.inputs import Inputs
from workers.build.request import (
    BUILD_USER,
    BuildRequest,
    Stages,
    take_result,
    unpack,
)
from workers.build.store import made_before
from workers.build.tarball import COMPRESSIONS, write_compressed
from workers.build.tree import allowed_archives, read_text, refuse_archives, tree_id
from workers.files import sha256
from workers.outcome import BadRequest, ChangeFault
from workers.repository.package import KEPT_BY_SIGNING
from workers.roots import used_root
from workers.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from workers.build.executors import Executor
    from workers.clients.repository import BaseRepository

ALLOWED_ARCHIVES = "allowed-archives"
_TOP = "/build/rpmbuild"
_SOURCES = f"{_TOP}/SOURCES"
_DIST = re.compile(r"\.[A-Za-z0-9][A-Za-z0-9._~+]*")
_SOURCE_TAG = re.compile(r"^source0?\s*:\s*(\S+)\s*$", re.IGNORECASE | re.MULTILINE)
# What rpmspec makes of %setup: into the build folder, unpack, into the source's own folder.
_SETUP = re.compile(
    rf"^%prep\n.*?^cd '{re.escape(_TOP)}/BUILD'\n.*?^cd '([^'\n]*)'$", re.MULTILINE | re.DOTALL
)
# Each of these alone leaves differences between two builds; all four together leave none.
_MACROS = {
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


@dataclass(frozen=True)
class RpmRequest:
    """What the build of an RPM package is given besides its source; BadRequest for wrong names."""

    packaging: Path
    """Folder of the spec and of further sources and patches."""
    spec: str
    """The spec's file name."""
    dist: str
    """What the macro of that name becomes."""
    base: Sequence[BaseRepository] = ()
    mock: str | None = None
    """Name of a configuration of mock(1) that describes where to build; None: in the sandbox."""

    def __post_init__(self) -> None:
        names.file_name(self.spec)
        if not self.spec.endswith(".spec"):
            raise BadRequest(f"{self.spec!a} is not the name of a spec file")
        if _DIST.fullmatch(self.dist) is None:
            raise BadRequest(
                f"dist {self.dist!a} must be a dot followed by letters, digits and . _ ~ +"
            )
        if self.mock is not None:
            names.file_name(self.mock)

    @property
    def defines(self) -> list[str]:
        """Macros of rpmbuild(8), as arguments."""
        macros = {**_MACROS, "dist": self.dist}
        return [f"--define={name} {value}" for name, value in macros.items()]

    @property
    def options(self) -> dict[str, str]:
        """What decides the result besides trees, dependencies and the source archive."""
        mock = {} if self.mock is None else {"mock": self.mock}
        return {"spec": self.spec, "dist": self.dist, **mock}


def build_rpm(request: BuildRequest, what: RpmRequest) -> dict[str, Any]:
    """Build and return the answer of ``lockgate-worker build rpm``.

    Raises ChangeFault for what is wrong with the trees, the build or its results.
    """
    stages = Stages(request.limits.seconds)
    read_text(what.packaging, what.spec)
    allowed = allowed_archives(what.packaging, ALLOWED_ARCHIVES)
    for tree in (what.packaging, request.source):
        refuse_archives(tree, allowed, f"{ALLOWED_ARCHIVES} beside the spec")
    request.prepare_out()
    stages.done("checks")
    with contextlib.ExitStack() as stack:
        image = stack.enter_context(used_root("rpm-build", request.roots))
        stages.done("root")
        sandbox = stack.enter_context(Sandbox(image.path, limits=request.limits, log=request.log))
        commands = Commands(sandbox, stages, request.log)
        source = _SourcePackage(request, what, commands)
        described = source.make()
        stages.done("source")
        with contextlib.closing(_executor(request, what, commands)) as executor:
            dependencies = executor.fetch_dependencies(source.path)
            inputs = Inputs(
                "rpm",
                {"source": tree_id(request.source), "packaging": tree_id(what.packaging)},
                image.id,
                dependencies,
                {**what.options, "source_archive": source.archive_sha256},
            )
            before = made_before(request.store, inputs)
            if before is not None:
                return before
            made = executor.build()
        stages.done("build")
        results = _Results(request, commands).take(source.path, made)
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


def _executor(request: BuildRequest, what: RpmRequest, commands: Commands) -> Executor:
    repositories, defines = request.repositories, what.defines
    if what.mock is None:
        return SandboxExecutor(commands, _TOP, defines, repositories, what.base)
    limit = request.limits.log
    return MockExecutor(what.mock, commands, limit, defines, repositories, what.base)


def _rounded(changelog_time: int) -> int:
    """Return the SOURCE_DATE_EPOCH that rpmbuild takes from a changelog time.

    rpm puts dates without a time of day at noon, but takes midnight so that it is past everywhere.
    """
    day = 86400
    return changelog_time - day // 2 if changelog_time % day == day // 2 else changelog_time


class _SourcePackage:
    """The SRPM, made in the sandbox."""

    def __init__(self, request: BuildRequest, what: RpmRequest, commands: Commands) -> None:
        self._request = request
        self._what = what
        self._commands = commands
        self._sandbox = commands.sandbox
        self.path = ""
        self.archive_sha256 = ""
        """Of Source0, whose bits depend on this worker's compression library too."""
        self._defines = [f"--define=_topdir {_TOP}", *what.defines]

    def make(self) -> _Spec:
        """Make it and return what its spec says."""
        packaging = self._what.packaging
        unpack(self._sandbox, packaging, folder=_TOP, top="SOURCES", mtime=0)
        path = f"{_SOURCES}/{self._what.spec}"
        described = self._describe_spec(path)
        # Now that the build's time is known, the files get it.
        unpack(self._sandbox, packaging, folder=_TOP, top="SOURCES", mtime=described.epoch)
        self._add_archive(described)
        self._commands.must("making the source package", "rpmbuild", "-bs", *self._defines, path)
        folder = f"{_TOP}/SRPMS"
        made = [name for name in self._sandbox.names(folder) if name.endswith(".src.rpm")]
        if len(made) != 1:
            raise ChangeFault(f"the spec made {len(made)} source packages instead of one")
        name = names.checked_in(self._what.spec, names.file_name, made[0])
        self.path = f"{folder}/{name}"
        return described

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
            file.seek(0)
            self.archive_sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            self._sandbox.write(f"{_SOURCES}/{spec.archive}", file, owner=BUILD_USER)


class _Results:
    """What was built, as it lies in the sandbox."""

    def __init__(self, request: BuildRequest, commands: Commands) -> None:
        self._request = request
        self._commands = commands

    def take(self, source_package: str, made: Sequence[str]) -> dict[str, Any]:
        """Copy out the SRPM and the packages made from it, each checked."""
        found: dict[str, str] = {}
        source, _ = self._take(source_package, found)
        source["architecture"] = "src"  # its header has that of the machine it was made on
        packages = []
        for path in made:
            name = names.checked_in("results", names.file_name, path.rpartition("/")[2])
            package, made_from = self._take(path, found)
            if made_from != source["file"]:
                raise ChangeFault(f"{name} says it was made from {made_from!a}")
            packages.append(package)
        if not packages:
            raise ChangeFault("the build made no package")
        # What signing keeps: by it a published package is known to be this one.
        identities = {
            package["file"]: dict(
                zip(
                    KEPT_BY_SIGNING,
                    (package["header_sha256"], package["payload_digest"]),
                    strict=True,
                )
            )
            for package in (*packages, source)
        }
        return {"packages": packages, "source": source, "files": found, "identities": identities}

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
        taken = take_result(self._commands.sandbox, path, self._request.out)
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
