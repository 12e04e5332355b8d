"""Builds a DEB package, source and binaries, from an unpacked tree.

The source package is made by dpkg-source(1) in the format the tree asks for; of "3.0 (quilt)" see
:mod:`workers.build.deb_upstream`.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from debian.deb822 import Changes

from workers import names
from workers.build import failure
from workers.build.commands import Commands
from workers.build.deb_dependencies import DebDependencies
from workers.build.deb_source import (
    PLAIN,
    QUILT,
    DebSource,
    read_deb_source,
)
from workers.build.deb_upstream import Upstream, UpstreamArchive
from workers.build.inputs import Inputs
from workers.build.request import (
    BuildRequest,
    Stages,
    read_result,
    take_result,
    unpack,
)
from workers.build.store import made_before
from workers.build.tree import tree_id
from workers.clients.apt_index import Listing
from workers.files import sha256
from workers.outcome import ChangeFault, InfrastructureFault
from workers.roots import RootImage, used_root
from workers.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORK = "/build/work"
# Upstream edits become one patch. It tells of removed files too, and of every other file: what a
# tree could ask to be ignored would be missing in the source package.
_QUILT_OPTIONS = ("--single-debian-patch", "--auto-commit", "--include-removal", "--diff-ignore=^$")
_UNTELLABLE = "dpkg-source: error: unrepresentable changes to source"
_BINARY_ENDINGS = (".deb", ".udeb")


def build_deb(request: BuildRequest) -> dict[str, Any]:
    """Build and return the answer of ``lockgate-worker build deb``.

    Raises ChangeFault for what is wrong with the tree, its build or its results.
    """
    stages = Stages(request.limits.seconds)
    source = read_deb_source(request.source)
    request.prepare_out()
    stages.done("checks")
    with contextlib.ExitStack() as stack:
        image = stack.enter_context(used_root("deb-build", request.roots))
        _check_codename(request, image)
        stages.done("root")
        listings = [Listing(repository) for repository in request.repositories]
        needed = DebDependencies(request, image, listings)
        layer = stack.enter_context(needed.layer())
        stages.done("dependencies")
        sandbox = stack.enter_context(
            Sandbox(
                image.path,
                over=layer.path if layer else None,
                limits=request.limits,
                log=request.log,
            )
        )
        build = _Build(request, source, sandbox, stages)
        build.unpack(listings)
        stages.done("source")
        dependencies = (
            needed.fetch(build.commands) if layer is None else tuple(layer.note["dependencies"])
        )
        inputs = Inputs(
            "deb",
            {"source": tree_id(request.source)},
            image.id,
            dependencies,
            build.options,
        )
        before = made_before(request.store, inputs)
        if before is not None:
            return before
        if layer is None and dependencies:
            needed.install(build.commands, dependencies)
        stages.done("dependencies")
        build.build()
        stages.done("build")
        results = build.take_results(image.architecture)
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


def _check_codename(request: BuildRequest, image: RootImage) -> None:
    """A package built on one release of the distribution is not offered for another."""
    if request.codename not in (None, image.codename):
        raise InfrastructureFault(
            f"the site file says codename {request.codename!a}, but root images of this worker are "
            f"made of {image.codename!a}: change the codename, or the worker's sources of apt"
        )


class _Build:
    def __init__(
        self, request: BuildRequest, source: DebSource, sandbox: Sandbox, stages: Stages
    ) -> None:
        self._request = request
        self._source = source
        self._sandbox = sandbox
        self._stages = stages
        self.commands = Commands(sandbox, stages, request.log)
        self._tree = f"{_WORK}/{source.folder}"
        self._upstream: UpstreamArchive | None = None

    @property
    def options(self) -> dict[str, str]:
        """What decides the result besides trees and dependencies."""
        return {} if self._upstream is None else {"upstream_archive": self._upstream.sha256}

    def unpack(self, listings: Sequence[Listing]) -> None:
        """Put the tree, and for a quilt package its upstream archive, into the sandbox."""
        unpack(
            self._sandbox,
            self._request.source,
            folder=_WORK,
            top=self._source.folder,
            mtime=self._source.epoch,
        )
        if self._source.format == QUILT:
            upstream = Upstream(self._source, self._request.source, self._tree, self.commands)
            self._upstream = upstream.provide(listings)

    def build(self) -> None:
        """Make the source package, then the binaries, as an ordinary user without network."""
        options = {QUILT: _QUILT_OPTIONS, PLAIN: ("-sn",)}
        log = self._request.log
        begun = failure.written(log)
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
                *(f"--source-option={each}" for each in options.get(self._source.format, ())),
            ],
            folder=self._tree,
            environment={"SOURCE_DATE_EPOCH": str(self._source.epoch)},
            seconds=self._stages.left,
        )
        if not result.success:
            fault = failure.explain(result, f"building {self._source.name}", log, begun)
            if self._upstream and self._upstream.found and _UNTELLABLE in result.tail:
                raise self._upstream.cannot_tell("a binary file that was changed", fault.detail)
            raise fault

    def take_results(self, architecture: str) -> dict[str, Any]:
        """Copy out what the .changes file lists, each checked; strangers stay behind."""
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
        if self._upstream and found.get(self._upstream.name) != self._upstream.sha256:
            raise ChangeFault(f"the build changed or left out {self._upstream.name}")
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
        fields = self.commands.ask("dpkg-deb", "--show", form, f"{_WORK}/{name}").splitlines()
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
