"""Builds a DEB package, source and binaries, from an unpacked tree.

The source package is made by dpkg-source(1) in the format the tree asks for. For "3.0 (quilt)"
the upstream archive is made from the tree: everything but ``debian/``, with the patches of
``debian/patches`` taken off if they are applied in the tree. Its bits depend on the upstream files
and version alone, so all revisions of one upstream version share it. Edits of upstream files that
no patch tells of go into it too, unless an archive made earlier is given: then dpkg-source records
them as the patch ``debian-changes``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from debian.deb822 import Changes

from workers import names
from workers.build import failure
from workers.build.deb_source import PLAIN, QUILT, DebSource, read_deb_source
from workers.build.inputs import Inputs
from workers.build.request import (
    BUILD_USER,
    BuildRequest,
    Stages,
    digests,
    read_result,
    sha256,
    take_result,
    unpack,
)
from workers.build.store import made_before
from workers.build.tree import read_text, tree_id
from workers.clients.apt import apt_files
from workers.outcome import BadRequest, ChangeFault, InfrastructureFault
from workers.roots import make_root
from workers.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_WORK = "/build/work"
_UPSTREAM = "/build/upstream"
_FETCHED = "/var/cache/apt/archives"
_SOURCES = "/etc/apt/sources.list"
_EXTRA_SOURCES = "/etc/apt/lockgate.list"
_ARCHIVE_ENDINGS = ("gz", "xz", "bz2")
_BINARY_ENDINGS = (".deb", ".udeb")
_APT = {"DEBIAN_FRONTEND": "noninteractive"}


def build_deb(request: BuildRequest, upstream_archive: Path | None = None) -> dict[str, Any]:
    """Build and return the answer of ``lockgate-worker build deb``.

    ``upstream_archive`` is the ``NAME_VERSION.orig.tar.*`` of an earlier build of the same upstream
    version. Raises ChangeFault for what is wrong with the tree, its build or its results.
    """
    stages = Stages(request.limits.seconds)
    source = read_deb_source(request.source)
    request.prepare_out()
    stages.done("checks")
    image = make_root("deb-build", request.roots)
    stages.done("root")
    with Sandbox(image.path, limits=request.limits, log=request.log) as sandbox:
        build = _Build(request, source, sandbox, stages)
        build.unpack(upstream_archive)
        stages.done("source")
        dependencies = build.fetch_dependencies()
        inputs = Inputs(
            "deb",
            {"source": tree_id(request.source)},
            image.id,
            dependencies,
            {} if upstream_archive is None else {"upstream_archive": sha256(upstream_archive)},
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
        "name": source.name,
        "version": source.version,
        "source_date_epoch": source.epoch,
        "inputs": inputs.words(),
        "log": str(request.log),
        "stages": stages.seconds,
    }


class _Build:
    def __init__(
        self, request: BuildRequest, source: DebSource, sandbox: Sandbox, stages: Stages
    ) -> None:
        self._request = request
        self._source = source
        self._sandbox = sandbox
        self._stages = stages
        self._tree = f"{_WORK}/{source.folder}"

    def unpack(self, upstream_archive: Path | None) -> None:
        """Put the tree, and for a quilt package its upstream archive, into the sandbox."""
        unpack(
            self._sandbox,
            self._request.source,
            folder=_WORK,
            top=self._source.folder,
            mtime=self._source.epoch,
        )
        if self._source.format != QUILT:
            if upstream_archive is not None:
                raise BadRequest(f"source format {self._source.format} has no upstream archive")
            return
        self._separate_upstream()
        stem = f"{self._source.name}_{self._source.upstream_version}.orig.tar"
        if upstream_archive is None:
            self._make_upstream_archive(stem)
        elif upstream_archive.name in {f"{stem}.{ending}" for ending in _ARCHIVE_ENDINGS}:
            with upstream_archive.open("rb") as file:
                self._sandbox.write(f"{_WORK}/{upstream_archive.name}", file, owner=BUILD_USER)
        else:
            raise BadRequest(f"the upstream archive must be called {stem}.gz, .xz or .bz2")

    def fetch_dependencies(self) -> tuple[str, ...]:
        """Fetch what debian/control asks for and the root lacks; answer its files' digests."""
        repositories = self._request.repositories
        if repositories:
            lines, files = apt_files(repositories)
            # Before the base distribution's, which may have the same version of a package.
            files[_SOURCES] = lines.encode() + self._sandbox.read(_SOURCES)
            for path, content in {**files, _EXTRA_SOURCES: lines.encode()}.items():
                self._sandbox.write(path, content)
        check = self._sandbox.run(["dpkg-checkbuilddeps"], folder=self._tree)
        if check.success:
            return ()
        if repositories:
            self._update(
                f"--option=Dir::Etc::SourceList={_EXTRA_SOURCES}",
                "--option=Dir::Etc::SourceParts=-",
                "--option=APT::Get::List-Cleanup=false",
            )
        # Downloading runs nothing of the packages, installing does: so that has no network.
        download = ("build-dep", "--yes", "--download-only", self._tree)
        if not self._apt(*download, may_fail=True):  # the image's indexes are as old as the image
            self._update()
            self._apt(*download)
        return digests(self._sandbox, _FETCHED, "*.deb")

    def install_dependencies(self) -> None:
        """Install what was fetched."""
        self._apt("build-dep", "--yes", "--no-download", self._tree, network=False)

    def build(self) -> None:
        """Make the source package, then the binaries, as an ordinary user without network."""
        options = {
            QUILT: ("--source-option=--single-debian-patch", "--source-option=--auto-commit"),
            PLAIN: ("--source-option=-sn",),
        }
        result = self._sandbox.run(
            [
                "dpkg-buildpackage",
                "--build=full",
                "-sa",  # list the upstream archive for every revision, not only the first
                # The tree is as clean as git has it; cleaning could only change the source.
                "--no-pre-clean",
                "--no-sign",
                "--root-command=fakeroot",
                f"--jobs-try={os.cpu_count() or 1}",
                *options.get(self._source.format, ()),
            ],
            folder=self._tree,
            environment={"SOURCE_DATE_EPOCH": str(self._source.epoch)},
            seconds=self._stages.left,
        )
        if not result.success:
            raise failure.explain(result, f"building {self._source.name}", self._request.log)

    def take_results(self) -> dict[str, Any]:
        """Copy out what the .changes file lists, each checked; strangers stay behind."""
        architecture = self._asked("dpkg", "--print-architecture").strip()
        stem = f"{self._source.name}_{self._source.file_version}"
        changes_name = f"{stem}_{architecture}.changes"
        text = read_result(self._sandbox, f"{_WORK}/{changes_name}")
        listed = {
            names.checked_in(changes_name, names.file_name, entry["name"]): entry["sha256"]
            for entry in Changes(text.splitlines()).get("Checksums-Sha256", [])
        }
        if f"{stem}.dsc" not in listed:
            raise ChangeFault(f"{changes_name} lists no {stem}.dsc")
        binaries = [name for name in listed if name.endswith(_BINARY_ENDINGS)]
        if not binaries:
            raise ChangeFault(f"building {self._source.name} made no package")
        packages = [self._describe(name, {architecture, "all"}) for name in sorted(binaries)]
        found = {}
        for name in sorted([*listed, changes_name]):
            taken = take_result(self._sandbox, f"{_WORK}/{name}", self._request.out)
            found[name] = sha256(taken)
            if listed.get(name, found[name]) != found[name]:
                raise ChangeFault(f"{name} is not the file that {changes_name} lists")
        for package in packages:
            package["sha256"] = found[package["file"]]
            package["size"] = (self._request.out / package["file"]).stat().st_size
        endings = (".changes", ".buildinfo")
        return {
            "packages": packages,
            "source": {
                "name": self._source.name,
                "version": self._source.version,
                "format": self._source.format,
                "files": [x for x in found if x not in binaries and not x.endswith(endings)],
            },
            "files": found,
        }

    def _describe(self, name: str, architectures: set[str]) -> dict[str, Any]:
        """Return what a package says of itself, if it may say so."""
        form = "--showformat=${Package}\\n${Version}\\n${Architecture}\\n"
        fields = self._asked("dpkg-deb", "--show", form, f"{_WORK}/{name}").splitlines()
        if len(fields) != 3:
            raise ChangeFault(f"{name} has no readable control data")
        package, version, architecture = fields
        names.checked_in(name, names.package_name, package)
        names.checked_in(name, names.version, version)
        declared = self._source.packages
        if package not in declared and package.removesuffix("-dbgsym") not in declared:
            raise ChangeFault(f"{name} is package {package}, which debian/control does not declare")
        if architecture not in architectures:
            raise ChangeFault(f"{name} is for architecture {architecture!a}")
        return {
            "file": name,
            "name": package,
            "version": version,
            "architecture": architecture,
        }

    def _separate_upstream(self) -> None:
        """Copy the tree without debian/, and take its patches off if they are applied."""
        self._copy_upstream()
        patches = self._patches()
        applied = bool(patches) and all(self._take_off(patch) for patch in reversed(patches))
        if applied:
            self._record_applied(patches)
        elif patches:
            self._copy_upstream()

    def _copy_upstream(self) -> None:
        folder = f"{_UPSTREAM}/{self._source.folder}"
        self._must("rm", "--recursive", "--force", folder)
        self._must("mkdir", "--parents", _UPSTREAM)
        self._must("cp", "--archive", self._tree, folder)
        self._must("rm", "--recursive", f"{folder}/debian")

    def _patches(self) -> list[str]:
        if not (self._request.source / "debian/patches/series").exists():
            return []
        lines = read_text(self._request.source, "debian/patches/series").splitlines()
        patches = [line.split()[0] for line in lines if line.strip() and line.strip()[0] != "#"]
        for patch in patches:
            if ".." in patch.split("/") or patch.startswith(("/", "-")):
                raise ChangeFault(f"debian/patches/series: {patch!a} is not below debian/patches")
        return patches

    def _take_off(self, patch: str) -> bool:
        undo = [
            "patch",
            "--reverse",
            "--force",
            "--strip=1",
            "--fuzz=0",
            "--remove-empty-files",
            "--no-backup-if-mismatch",
            "--quiet",
            "--reject-file=-",
            f"--directory={_UPSTREAM}/{self._source.folder}",
            f"--input={self._tree}/debian/patches/{patch}",
        ]
        # What it says when a patch was not applied would look like a failure in the log.
        return self._sandbox.run(undo, capture=True).success

    def _record_applied(self, patches: Sequence[str]) -> None:
        """Tell dpkg-source in quilt's way that the tree has its patches already."""
        notes = {
            ".version": "2\n",
            ".quilt_patches": "debian/patches\n",
            ".quilt_series": "series\n",
            "applied-patches": "".join(f"{patch}\n" for patch in patches),
        }
        for name, text in notes.items():
            self._sandbox.write(f"{self._tree}/.pc/{name}", text.encode(), owner=BUILD_USER)

    def _make_upstream_archive(self, name: str) -> None:
        self._must(
            "tar",
            "--create",
            "--format=gnu",
            "--sort=name",
            "--owner=0",
            "--group=0",
            "--numeric-owner",
            "--mode=u=rwX,go=rX",
            f"--mtime=@{self._source.upstream_epoch}",
            f"--directory={_UPSTREAM}",
            f"--file={_WORK}/{name}",
            self._source.folder,
        )
        self._must("gzip", "--no-name", "--best", f"{_WORK}/{name}")

    def _apt(self, *arguments: str, network: bool = True, may_fail: bool = False) -> bool:
        result = self._sandbox.run(
            ["apt-get", *arguments],
            as_root=True,
            network=network,
            environment=_APT,
            seconds=self._stages.left,
        )
        if not result.success and (not may_fail or result.stopped is not None):
            raise failure.explain_dependencies(result, self._request.log)
        return result.success

    def _update(self, *options: str) -> None:
        """Read the repositories; that one cannot be read is no fault of the change."""
        result = self._sandbox.run(
            ["apt-get", "update", "--error-on=any", *options],
            as_root=True,
            network=True,
            environment=_APT,
            seconds=self._stages.left,
        )
        if not result.success:
            raise InfrastructureFault(f"reading the repositories: {result.why}", result.tail)

    def _must(self, *command: str) -> None:
        result = self._sandbox.run(command, seconds=self._stages.left)
        if not result.success:
            what = f"preparing the source with {command[0]}"
            raise failure.explain(result, what, self._request.log)

    def _asked(self, *command: str) -> str:
        result = self._sandbox.run(command, capture=True, seconds=self._stages.left)
        if result.stopped is not None:
            raise InfrastructureFault(f"{command[0]} {result.why}")
        return result.output.decode(errors="replace")
