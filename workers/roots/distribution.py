"""The base distribution, as the host's own apt(8) is configured to use it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from workers.outcome import InfrastructureFault

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_FIELDS = ("RELEASE", "REPO_URI", "COMPONENT", "ARCHITECTURE", "CODENAME")
_SOURCE_OPTIONS = {
    "Acquire::Check-Valid-Until": "check-valid-until",
    "Acquire::Check-Date": "check-date",
}
_CONFIGURATION = (Path("/etc/apt"), Path("/var/lib/apt/lists"))
_PROXIES = ("Acquire::http::Proxy", "Acquire::https::Proxy")


@dataclass(frozen=True)
class Distribution:
    """Where base packages come from."""

    suite: str
    """Name of the release in the sources, which may be one such as ``stable``."""
    codename: str
    architecture: str
    sources: tuple[str, ...]
    """Lines of sources.list(5), each with the keyring it is checked by."""
    apt_options: tuple[str, ...]
    """Lines of apt.conf(5) that the images need too: the host's proxies."""


def known_distribution(memory: Path) -> Distribution:
    """Return what :func:`read_distribution` says, remembered while apt's configuration is the same.

    Asking apt takes half a second, as long as a small package's build.
    """
    state = _state()
    if memory.exists():
        known = json.loads(memory.read_text(encoding="utf-8"))
        # Another version of this program may have remembered less.
        if known.pop("state") == state and known.keys() == {x.name for x in fields(Distribution)}:
            for listed in ("sources", "apt_options"):
                known[listed] = tuple(known[listed])
            return Distribution(**known)
    distribution = read_distribution()
    draft = memory.with_name(f"{memory.name}.{os.getpid()}")
    draft.write_text(json.dumps({"state": state, **asdict(distribution)}), encoding="utf-8")
    draft.rename(memory)
    return distribution


def read_distribution() -> Distribution:
    """Read the host's configuration; InfrastructureFault if it has no usable base distribution."""
    wanted = ("Origin: Debian", "Identifier: Packages")
    form = " ".join(f"$({field})" for field in _FIELDS)
    lines = _output("apt-get", "indextargets", "--format", form, *wanted).splitlines()
    if not lines:
        raise InfrastructureFault(
            "apt knows no index of Debian's on this host: check its sources and run apt-get update"
        )
    if not _KEYRING.exists():
        raise InfrastructureFault(f"{_KEYRING} is missing: install debian-archive-keyring")
    targets = sorted({tuple(line.split()) for line in lines})
    main = min(targets, key=lambda target: len(target[0]))  # not its updates
    configured = _configuration()
    options = [f"signed-by={_KEYRING}"] + [
        # A base frozen at a date outlives its validity. Said per source, so that other
        # repositories' dates are still checked.
        f"{option}=no"
        for key, option in _SOURCE_OPTIONS.items()
        if configured.get(key) == "false"
    ]
    proxies = {key: configured[key] for key in _PROXIES if configured.get(key)}
    direct = {f"{key}::{host}": "DIRECT" for key in proxies for host in ("127.0.0.1", "localhost")}
    return Distribution(
        suite=main[0],
        codename=main[4],
        architecture=targets[0][3],
        sources=tuple(
            f"deb [{' '.join(options)}] {uri} {release} {component}"
            for release, uri, component, *_ in targets
        ),
        apt_options=tuple(f'{key} "{value}";' for key, value in {**proxies, **direct}.items()),
    )


def _state() -> list[str]:
    """Return what changes whenever apt's configuration or indexes change."""
    files = [path for top in _CONFIGURATION for path in (top, *top.glob("*"), *top.glob("*/*"))]
    return sorted(f"{path} {path.lstat().st_mtime_ns} {path.lstat().st_size}" for path in files)


def _configuration() -> dict[str, str]:
    found = {}
    for line in _output("apt-config", "dump").splitlines():
        key, _, value = line.removesuffix(";").partition(" ")
        found[key] = value.strip('"')
    return found


def _output(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise InfrastructureFault(f"{command[0]} failed: {done.stderr.strip()}")
    return done.stdout
