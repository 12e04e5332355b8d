"""The jars a Gerrit server consists of, by Maven coordinates, each with its pinned SHA-256."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import tempfile
from importlib import resources
from pathlib import Path

import requests
from jgo.maven import MavenContext

from master.demo.processes import DidNotStart

GERRIT_VERSION = "3.13.5"
_TIMEOUT = 60  # seconds without an answer from the Maven repository


def gerrit_jars(cache: Path) -> list[Path]:
    """Every jar of the class path, fetched into ``cache`` unless it is there.

    All are hashed at each call (95 MB, a tenth of a second). Raises :class:`DidNotStart` when a
    jar cannot be fetched or is not the one that was pinned.
    """
    cache.mkdir(parents=True, exist_ok=True)
    pins = json.loads(resources.files("master.demo").joinpath("gerrit_jars.json").read_text())
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return [_jar(cache, coordinates, pin) for coordinates, pin in pins.items()]


def _jar(cache: Path, coordinates: str, pin: str) -> Path:
    _, artifact, version = coordinates.split(":")
    jar = cache / f"{artifact}-{version}.jar"
    if not jar.exists() or _sha256(jar) != pin:
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            fetched = _fetch(coordinates, Path(folder))
            if (found := _sha256(fetched)) != pin:
                raise DidNotStart(f"{coordinates} has SHA-256 {found}; {pin} is pinned")
            fetched.chmod(0o644)
            shutil.move(fetched, jar)
    return jar


def _fetch(coordinates: str, folder: Path) -> Path:
    context = MavenContext(repo_cache=folder, timeout=_TIMEOUT)
    try:
        return Path(context.create_dependency(coordinates).artifact.resolve())
    except (requests.RequestException, RuntimeError, OSError) as error:
        raise DidNotStart(f"cannot fetch {coordinates}: {error}") from error


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
