"""Real upstream packages for the demonstration, from the host's own Debian archive."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from master.demo.processes import DidNotStart

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_INDEX_FORMAT = "$(REPO_URI) $(CODENAME) $(COMPONENT) $(SIGNED_BY)"


def unpacked_sources(names: Sequence[str], cache: Path) -> dict[str, Path]:
    """Fetch Debian source packages and unpack them; kept in ``cache`` for the next time.

    Signatures and hashes are checked by apt and dpkg-source. Raises :class:`DidNotStart` when a
    package cannot be had.
    """
    cache.mkdir(parents=True, exist_ok=True)
    missing = [name for name in names if not (cache / name).is_dir()]
    if missing:
        _fetch(missing, cache)
    return {name: cache / name for name in names}


def _fetch(names: Sequence[str], cache: Path) -> None:
    work = cache / "fetching"
    shutil.rmtree(work, ignore_errors=True)
    (work / "lists" / "partial").mkdir(parents=True)
    (work / "sources.list").write_text(_source_lines(), encoding="utf-8")
    # An apt of our own: the host's lists and settings are neither needed nor touched.
    options = [
        *("-o", f"Dir::Etc::sourcelist={work / 'sources.list'}", "-o", "Dir::Etc::sourceparts=-"),
        *("-o", f"Dir::State::lists={work / 'lists'}", "-o", "APT::Sandbox::User=root"),
        *("-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="),
    ]
    _run(["apt-get", *options, "-qq", "update"], work)
    for name in names:
        _run(["apt-get", *options, "-qq", "--download-only", "source", name], work)
        (dsc,) = work.glob(f"{name}_*.dsc")
        _run(["dpkg-source", "--no-check", "-x", dsc.name, f"unpacked-{name}"], work)
        (work / f"unpacked-{name}").rename(cache / name)
    shutil.rmtree(work)


def _source_lines() -> str:
    """The host's own Debian archive, for source packages."""
    output = _run(
        [
            *("apt-get", "indextargets", "--format", _INDEX_FORMAT),
            *("Created-By: Packages", "Origin: Debian"),
        ]
    )
    lines = set()
    for line in output.splitlines():
        uri, codename, component, *signed_by = line.split()
        options = f"[signed-by={signed_by[0]}] " if signed_by and "$" not in signed_by[0] else ""
        lines.add(f"deb-src {options}{uri} {codename} {component}\n")
    if not lines:
        raise DidNotStart("apt knows no Debian archive; run `apt-get update` first")
    return "".join(sorted(lines))


def _run(command: Sequence[str], cwd: Path | None = None) -> str:
    result = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )
    if result.returncode != 0:
        raise DidNotStart(f"{' '.join(command[:2])} failed:\n{result.stderr[-2000:]}")
    return result.stdout
