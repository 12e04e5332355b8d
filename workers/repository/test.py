"""Test repositories: one for each proposed change, complete from the moment it can be seen."""

from __future__ import annotations

import errno
import secrets
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workers import files
from workers.names import identifier
from workers.outcome import BadRequest
from workers.public_keys import KEY
from workers.repository.apt import AptFormat
from workers.repository.edition import Edition
from workers.repository.generations import new_stamp
from workers.repository.rpm import RpmFormat
from workers.repository.table import PLAIN, Table
from workers.signing.gnupg import Home, Key, throw_away_key
from workers.signing.openpgp import clear_signed

if TYPE_CHECKING:
    from pathlib import Path

    from workers.repository.formats import Format, RepositoryFormat
    from workers.repository.joined import Encoding
    from workers.repository.table import Part

TEST = "test"  # folder of all test repositories
PARTIAL = ".partial-"  # one that is being made, or removed


def publish_test_repository(
    package_format: Format, name: str, served: Path, packages: Path, codename: str, home: Path
) -> dict[str, Any]:
    """Make the repository ``test/NAME`` below what is served; an existing one is refused.

    APT metadata is signed by a throw-away key of the repository worker; it vouches for nothing but
    that the files belong together.
    """
    root = served / TEST / identifier(name)
    exists = BadRequest(f"test repository {name} exists already; choose another id")
    if root.exists():
        raise exists
    partial = root.with_name(f"{PARTIAL}{secrets.token_hex(6)}")
    # Clients tell repositories of one host apart by their origin only.
    origin = f"lockgate-test-{name}"
    which: RepositoryFormat = (
        AptFormat(codename, origin) if package_format == "deb" else RpmFormat()
    )
    fingerprints: list[str] = []
    try:
        with files.full_disk_told(root.parent), ThreadPoolExecutor() as threads:
            key = None
            if package_format == "deb":
                key = threads.submit(_key, Home.of(home))  # gpg takes its time
            made = _make(which, partial, packages)
            if key is not None:
                fingerprints.append(_sign(which, partial, *key.result()))
            partial.chmod(0o755)
            try:
                partial.rename(root)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
                raise exists from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    files.settle(root.parent)
    return {
        "path": f"{TEST}/{name}",
        "format": package_format,
        "origin": origin,
        "codename": codename,
        "key": f"{TEST}/{name}/{KEY}" if package_format == "deb" else None,
        "fingerprints": fingerprints,
        "packages": made,
    }


def _make(which: RepositoryFormat, root: Path, packages: Path) -> list[dict[str, str]]:
    """Everything of a repository; its commit point is not signed yet."""
    tables = {}
    listed = []
    scratch = root / PARTIAL
    with files.together(scratch) as made:
        for table, rows in which.read(packages, root).items():
            edition = Edition(Table(), which.layouts[table], _Nothing(), {})
            sources: dict[str, Path] = {}
            for row, own in rows:
                edition.put(row.package.name, [*edition.rows_of(row.package.name), row])
                listed.append(row.package.words())
                sources |= own
            for path, source in sources.items():
                made.copy(source, root / path)
            tables[table], contents = edition.finish()
            for column, of_column in tables[table].files.items():
                for encoding, stored in of_column.items():
                    if encoding != PLAIN:
                        path = which.index_path(table, column, encoding, stored.sha256)
                        made.write(root / path, contents[stored.sha256])
        for name, of_name in which.plain_names(tables).items():
            if of_name is not None:
                made.link(root / of_name, root / name)
        text = which.commit_text(tables, new_stamp(None), datetime.now(UTC))
        made.write(root / which.commit_point, text)
    scratch.rmdir()
    return listed


def _key(home: Home) -> tuple[Key, bytes]:
    """The throw-away key, and its public half for clients."""
    key = throw_away_key(home)
    return key, home.public_keys([key.fingerprint])


def _sign(which: RepositoryFormat, root: Path, key: Key, public: bytes) -> str:
    point = root / which.commit_point
    files.write(root / KEY, public)
    files.write(point, clear_signed([key], point.read_bytes()))
    return key.fingerprint


class _Nothing:
    """What an empty table is read from."""

    def file(self, column: str, encoding: Encoding, sha256: str) -> bytes:
        """No file is there."""
        raise LookupError(f"{column}.{encoding} {sha256}")

    def texts(self, part: Part) -> bytes:
        """No text is there."""
        raise LookupError(part.sha256)
