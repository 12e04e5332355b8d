"""What a run is to be told with: the machine, its kernel, and the versions of all programs."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.publisher import where

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHECKOUT = Path(__file__).parents[2]
_VERSION = re.compile(r"\d+(\.\d+)+\S*")
_PROGRAMS: dict[str, Sequence[str]] = {
    "reprepro": ("--version",),
    "aptly": ("version",),
    "apt-ftparchive": ("--version",),
    "createrepo_c": ("--version",),
    "rsync": ("--version",),
    "gpg": ("--version",),
    "apt-get": ("--version",),
    "dnf": ("--version",),
    "dpkg-buildpackage": ("--version",),
    "rpmbuild": ("--version",),
}
_LIBRARIES = ("createrepo_c", "createrepo-agent", "pydantic")


def about() -> dict[str, Any]:
    """When, where, and with what."""
    return {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "processors": os.cpu_count(),
            "processor": _field("/proc/cpuinfo", "model name"),
            "memory": _field("/proc/meminfo", "MemTotal"),
            "kernel": platform.release(),
            "system": platform.freedesktop_os_release().get("PRETTY_NAME"),
            "python": platform.python_version(),
        },
        "lockgate": _said("git", "-C", str(_CHECKOUT), "describe", "--always", "--dirty"),
        "programs": {name: _version(name, *words) for name, words in _PROGRAMS.items()},
        "libraries": {name: _library(name) for name in _LIBRARIES},
    }


def _version(name: str, *words: str) -> str | None:
    found = _VERSION.search(_said(name, *words) or "")
    return found[0].rstrip(".,;)") if found else None


def _library(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _said(name: str, *words: str) -> str | None:
    """What a program prints; None if it is not installed or fails."""
    program = where(name)
    if program is None:
        return None
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip() if done.returncode == 0 else None


def _field(file: str, name: str) -> str | None:
    found = re.search(rf"^{name}\s*:\s*(.*)$", Path(file).read_text(), re.MULTILINE)
    return found[1] if found else None
