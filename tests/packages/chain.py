"""What Lockgate does with a package, program by program: build, publish, offer for tests."""

from __future__ import annotations

import json
import platform
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schedulers.builder_names import of_test_repository
from tests.workers.repository.programs import ReleaseRepository, program, succeeded

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workers.as_user import Outcome, Worker
    from tests.workers.repository.programs import Format, Signer

HOST_CODENAME = platform.freedesktop_os_release()["VERSION_CODENAME"]  # what roots are made of
_INSTALL_TEST_DISK = str(2 << 30)


@dataclass(frozen=True)
class Published:
    """A package that was built and is in the release repository."""

    answer: dict[str, Any]
    """Of the build."""
    packages: Path
    """Folder with the files of the build, as they were built."""
    committed: dict[str, Any]
    """Of the publication."""
    tested: dict[str, Any]
    """Of the test repository."""

    @property
    def binaries(self) -> dict[str, str]:
        """Versions of the binary packages that repositories offer."""
        found = self.tested["packages"]
        return {
            x["name"]: x["version"] for x in found if x["architecture"] not in ("source", "src")
        }


class Chain:
    """One release repository below a served folder, and what is built for it."""

    def __init__(
        self, package_format: Format, worker: Worker, signer: Signer, folder: Path, url: str
    ) -> None:
        self.format: Format = package_format
        self.worker = worker
        self.url = url
        self._folder = folder
        scratch = worker.folder("signed")
        root = folder / "release" / package_format
        root.mkdir(parents=True)
        self._signer = signer
        self.release = ReleaseRepository(root, package_format, signer, scratch, HOST_CODENAME)
        self.key = root / "key.asc"
        self.key.write_text(signer.public_keys[package_format])

    @property
    def release_description(self) -> str:
        """What clients are told of the release repository."""
        path = self.release.root.relative_to(self._folder)
        return json.dumps(
            {
                "path": str(path),
                "format": self.format,
                "origin": f"Lockgate {HOST_CODENAME}",
                "codename": HOST_CODENAME,
                "key": f"{path}/{self.key.name}",
                "fingerprints": [self._signer.fingerprints[self.format]],
            }
        )

    def build(self, *what: str | Path, worker: Worker | None = None) -> tuple[dict[str, Any], Path]:
        """Build with what the release repository has; answer the folder of the results too."""
        user = worker or self.worker
        out = user.folder("out")
        outcome = user.program(
            *("build", self.format, *what, "--out", out, "--roots", user.roots),
            *("--served", self.url, "--repository", self.release_description),
        )
        assert outcome.status == 0, (outcome.answer, outcome.said[-4000:])
        return outcome.answer, out

    def publish(self, answer: dict[str, Any], out: Path) -> Published:
        """Publish what was built, for tests and in the release."""
        packages = self.worker.folder("packages")
        for name in answer["files"]:
            shutil.copyfile(out / name, packages / name)
        tested = program(
            *("repository", "test", "--format", self.format, "--codename", HOST_CODENAME),
            *("--id", of_test_repository(f"test-repository/{self.format}/{answer['name']}", 1)),
            *("--served", self._folder, "--packages", packages),
            *("--home", self._signer.home.with_name("of-tests")),
        )
        offered = packages
        if self.format == "rpm":
            offered = self._signer.rpms(packages, self.worker.folder("signed") / "rpms")
        committed = self.release.publish(offered)
        return Published(answer, packages, committed, succeeded(tested))

    def install_test(self, published: Published, *more: str | Path) -> Outcome:
        """Run the install test of all its binaries."""
        named = ",".join(f"{name}={version}" for name, version in published.binaries.items())
        return self.worker.program(
            *("test", "install", "--format", self.format, "--served", self.url),
            *("--repository", json.dumps(published.tested), "--other", self.release_description),
            *("--packages", named, "--roots", self.worker.roots, "--disk", _INSTALL_TEST_DISK),
            *more,
        )

    def lint(self, published: Published) -> Outcome:
        """Run the linter."""
        packaging = ("--packaging", self.worker.folder("packaging")) if self.format == "rpm" else ()
        return self.worker.program(
            "lint", self.format, "--packages", published.packages, *packaging
        )
