"""What rpm's own programs say of package files; each is run once for many of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from workers import files
from workers.outcome import BadRequest
from workers.public_keys import fingerprints

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_SECONDS = 600
_AT_ONCE = 500  # as a command line holds, however long their paths are
_UNTRANSLATED = {**os.environ, "LC_ALL": "C"}
_DIGESTS = "%{SHA256HEADER} %{PAYLOADDIGEST}\\n"
_NAMES = "fingerprints"  # beside rpm's own files
_SIGNED = ": digests signatures OK"  # without any signature it is "digests OK"


def kept_digests(packages: Sequence[Path]) -> list[tuple[str, str]]:
    """Header and payload digest of each package, which signing does not change.

    Raises BadRequest for what is no RPM package.
    """
    found = []
    for some in _parts(packages):
        result = _run("rpm", "-qp", "--nosignature", "--qf", _DIGESTS, *some)
        if result.returncode != 0:
            named = [path.name for path in some if str(path) in result.stderr]
            name = next(iter(named), some[0].name)
            raise BadRequest(f"{name} is no RPM package", result.stderr.strip()[-1000:])
        for line in result.stdout.splitlines():
            header, _, payload = line.partition(" ")
            found.append((header, payload))
    return found


def refuse_unsigned(
    packages: Sequence[Path], key: Path, keys: Collection[str], databases: Path
) -> None:
    """Check that each package is signed by a key in a file (rpmkeys(8)).

    The fingerprints of the keys in it are among ``keys``. Reading keys takes rpm longer than
    checking packages: it is done once for a file of keys, and kept in the folder ``databases``.
    Raises BadRequest for a package that is not signed, and for another key.
    """
    if not key.is_file():
        raise BadRequest(f"{key} is missing, by which the packages are signed")
    database = databases.absolute() / files.sha256(key)
    if not database.exists():
        _import(key, database)
    if not set((database / _NAMES).read_text().split()) <= set(keys):
        raise BadRequest(f"{key} holds a key that the site file does not name")
    for some in _parts(packages):
        result = _run("rpmkeys", "--dbpath", database, "--checksig", *some)
        lines = result.stdout.splitlines()
        signed = {line.removesuffix(_SIGNED) for line in lines if line.endswith(_SIGNED)}
        for package in some:
            if str(package) not in signed:
                raise BadRequest(
                    f"{package.name} is not signed by a key in {key}; nothing goes unsigned",
                    (result.stdout + result.stderr)[-1000:],
                )


def _import(key: Path, database: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        result = _run("rpmkeys", "--dbpath", folder, "--import", key)
        if result.returncode != 0:
            raise BadRequest(f"rpm cannot read {key}", result.stderr[-1000:])
        names = "\n".join(sorted(fingerprints(key.read_bytes())))
        (Path(folder) / _NAMES).write_text(names)
        database.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=database.parent, prefix=".partial-"))
        shutil.copytree(folder, partial, dirs_exist_ok=True)
        files.synchronise(partial)
        partial.rename(database)
    for other in database.parent.iterdir():
        if other != database:  # of other keys, or of a program that was killed
            shutil.rmtree(other)


def _parts(packages: Sequence[Path]) -> Iterator[Sequence[Path]]:
    for first in range(0, len(packages), _AT_ONCE):
        yield packages[first : first + _AT_ONCE]


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=_UNTRANSLATED, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
