"""Test repositories: one for each proposed change, complete from the moment it can be seen."""

from __future__ import annotations

import secrets
import shutil
from typing import TYPE_CHECKING, Any

from workers.names import identifier
from workers.outcome import BadRequest
from workers.repository import files
from workers.repository.apt import AptRepository
from workers.repository.rpm import RpmRepository
from workers.signing.gnupg import Home, throw_away_key

if TYPE_CHECKING:
    from pathlib import Path

    from workers.repository.release import Format


def publish_test_repository(
    package_format: Format, name: str, served: Path, packages: Path, codename: str, home: Path
) -> dict[str, Any]:
    """Make the repository ``test/NAME`` below what is served; an existing one is refused.

    APT metadata is signed by a throw-away key of the repository worker; it vouches for nothing but
    that the files belong together.
    """
    root = served / "test" / identifier(name)
    if root.exists():
        raise BadRequest(f"test repository {name} exists already; choose another id")
    partial = root.with_name(f".partial-{secrets.token_hex(6)}")
    try:
        if package_format == "deb":
            answer = _deb(partial, packages, codename, name, Home.of(home))
        else:
            answer = _rpm(partial, packages)
        partial.chmod(0o755)
        partial.rename(root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    files.settle(root.parent)
    return {
        "path": f"test/{name}",
        "format": package_format,
        "origin": f"lockgate-test-{name}",
        "codename": codename,
        "key": f"test/{name}/key.asc" if package_format == "deb" else None,
        **answer,
    }


def _deb(root: Path, packages: Path, codename: str, name: str, home: Home) -> dict[str, Any]:
    repository = AptRepository(root, codename)
    indexes, added = repository.put(packages, keep=1)
    # Clients tell repositories of one host apart by their origin only.
    release = repository.write_indexes(indexes, origin=f"lockgate-test-{name}")
    repository.show_indexes(release)
    key = throw_away_key(home)
    files.write(repository.commit_point, home.clear_sign(key, release))
    files.write(root / "key.asc", home.public_key(key))
    return {"packages": [entry.package.words() for entry in added]}


def _rpm(root: Path, packages: Path) -> dict[str, Any]:
    root.mkdir(parents=True)
    repository = RpmRepository(root)
    listed, added = repository.put(packages, keep=1)
    files.write(repository.commit_point, repository.write_metadata(listed))
    return {"packages": [package.words() for package in added]}
