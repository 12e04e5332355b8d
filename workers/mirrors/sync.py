"""Bringing one mirror to what the repository has published.

Everything the next generation refers to is sent first, under names no client asks for yet; the
commit point is sent last, alone, and rsync renames it into place. A client of the mirror sees the
old generation or the new one. What the mirror no longer needs is deleted after that, and stays
for as long as the repository itself keeps it for slow clients.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import requests
import tenacity

from workers.outcome import BadRequest, InfrastructureFault
from workers.repository import files

_TIMEOUT = 60
_ATTEMPTS = 4
_RSYNC_MAY_PASS = (10, 12, 23, 24, 30, 35)  # connection, protocol stream, partial, time-outs
# Never served under these names, or not before everything else is there.
_OWN = ("/.stage", "/.lock", "/.sync-*.lock", ".partial-*")


@dataclass(frozen=True)
class Mirror:
    """Where a mirror is written and where its clients read."""

    rsync: str
    url: str
    password_file: Path


class _NotYet(Exception):  # noqa: N818 - what is the case
    """Passing trouble: the same may work again."""


def sync(package_format: Literal["deb", "rpm"], repository: Path, mirror: Mirror) -> dict[str, Any]:
    """Bring a mirror to the published generation and see that it serves it.

    Raises InfrastructureFault when the mirror cannot be reached or serves something else.
    """
    began = time.monotonic()
    commit_points = _commit_points(package_format, repository)
    name = re.sub(r"[^A-Za-z0-9]+", "-", mirror.rsync)
    with files.lock(repository / f".sync-{name}.lock"):
        attempts = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=tenacity.wait_exponential(multiplier=0.5, max=20),
            retry=tenacity.retry_if_exception_type(_NotYet),
            reraise=True,
        )
        try:
            sent, packages = attempts(_transaction, repository, commit_points, mirror)
        except _NotYet as error:
            raise InfrastructureFault(f"mirror {mirror.url}: {error}") from error
        number = attempts.statistics["attempt_number"]
    return {
        "mirror": mirror.url,
        "added": sorted(name for change, name in packages if change == "added"),
        "removed": sorted(name for change, name in packages if change == "removed"),
        "bytes_sent": sent,
        "attempts": number,
        "seconds": round(time.monotonic() - began, 3),
    }


def _transaction(
    repository: Path, commit_points: list[Path], mirror: Mirror
) -> tuple[int, list[tuple[str, str]]]:
    """One attempt; answers bytes sent and the packages that came or went."""
    # Read once: what is published during the sync is for the next one.
    contents = {path.relative_to(repository): path.read_bytes() for path in commit_points}
    excluded = [f"--exclude={pattern}" for pattern in (*_OWN, *(f"/{name}" for name in contents))]
    first = _rsync(mirror, [*excluded, f"{repository}/", f"{mirror.rsync}/"])
    with tempfile.TemporaryDirectory() as folder:
        for name, content in contents.items():
            files.write(Path(folder) / name, content)
        Path(folder).chmod(0o755)
        second = _rsync(mirror, [f"{folder}/", f"{mirror.rsync}/"])
    for name, content in contents.items():
        _must_serve(f"{mirror.url}/{name}", content)
    last = _rsync(mirror, [*excluded, "--delete-after", f"{repository}/", f"{mirror.rsync}/"])
    runs = (first, second, last)
    return sum(_bytes(run) for run in runs), [change for run in runs for change in _packages(run)]


def _commit_points(package_format: str, repository: Path) -> list[Path]:
    pattern = "dists/*/InRelease" if package_format == "deb" else "repodata/repomd.xml"
    found = sorted(repository.glob(pattern))
    if not found:
        raise BadRequest(f"{repository} has not been published yet")
    return found


def _rsync(mirror: Mirror, arguments: list[str]) -> str:
    command = [
        *("rsync", "--recursive", "--links", "--times", "--perms", "--hard-links"),
        # Sizes and times in seconds are not enough to tell two publishes of one second apart.
        *("--modify-window=-1", "--mkpath", "--out-format=%i %n", "--stats"),
        *(f"--timeout={_TIMEOUT}", f"--contimeout={_TIMEOUT}"),
        f"--password-file={mirror.password_file}",
        *arguments,
    ]
    result = subprocess.run(
        command,
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )
    if result.returncode in _RSYNC_MAY_PASS:
        raise _NotYet(f"rsync: {_last_line(result.stderr)}")
    if result.returncode != 0:
        raise InfrastructureFault(
            f"mirror {mirror.url}: rsync refuses: {_last_line(result.stderr)}",
            result.stderr[-1000:],
        )
    return result.stdout


def _must_serve(url: str, content: bytes) -> None:
    try:
        answer = requests.get(url, timeout=_TIMEOUT, headers={"Cache-Control": "no-cache"})
    except requests.RequestException as error:
        raise _NotYet(f"{url} does not answer: {error}") from error
    if answer.content != content:
        raise _NotYet(f"{url} does not serve what was sent (status {answer.status_code})")


def _packages(output: str) -> list[tuple[str, str]]:
    found = []
    for line in output.splitlines():
        change, _, name = line.partition(" ")
        if not name.strip().endswith((".deb", ".rpm", ".dsc")):
            continue
        if change.startswith("<f+++"):
            found.append(("added", name.strip()))
        elif change == "*deleting":
            found.append(("removed", name.strip()))
    return found


def _bytes(output: str) -> int:
    match = re.search(r"^Total bytes sent: ([\d,.]+)$", output, re.MULTILINE)
    return int(re.sub(r"\D", "", match[1])) if match else 0


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0] if lines else "no reason given"
