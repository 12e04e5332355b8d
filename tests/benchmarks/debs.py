"""DEB packages made in milliseconds: deb(5) is an ar archive of two tar archives."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

from tests.benchmarks.sketches import sketch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_MAGIC = b"!<arch>\n"
_LEVEL = 1


def make_debs(numbers: range, folder: Path, revision: int = 0) -> None:
    """Write the packages of some numbers."""
    for number in numbers:
        made = sketch(number, revision)
        version = f"{made.version}-1"
        control = "".join(
            (
                f"Package: {made.name}\nVersion: {version}\nArchitecture: all\n",
                "Maintainer: Ann Example <ann@example.org>\n",
                f"Installed-Size: {sum(map(len, made.files.values())) // 1024 + 1}\n",
                _depends(made.depends),
                f"Section: {made.section}\nPriority: optional\n",
                f"Homepage: https://{made.name}.example.org/\nDescription: {made.summary}\n",
                "".join(f" {line}\n" for line in made.description),
            )
        )
        sums = "".join(
            f"{hashlib.md5(content, usedforsecurity=False).hexdigest()}  {path}\n"
            for path, content in made.files.items()
        )
        members = {
            "debian-binary": b"2.0\n",
            "control.tar.gz": _tar({"control": control.encode(), "md5sums": sums.encode()}),
            "data.tar.gz": _tar(made.files),
        }
        (folder / f"{made.name}_{version}_all.deb").write_bytes(_ar(members))


def _depends(names: Sequence[str]) -> str:
    if not names:
        return ""
    return f"Depends: {', '.join(f'{name} (>= 1.0)' for name in names)}\n"


def _tar(files: Mapping[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for folder in sorted({parent for path in files for parent in _parents(path)}):
            member = tarfile.TarInfo(f"./{folder}")
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(member)
        for path, content in files.items():
            member = tarfile.TarInfo(f"./{path}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(archive.getvalue(), _LEVEL, mtime=0)


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def _ar(members: Mapping[str, bytes]) -> bytes:
    made = [_MAGIC]
    for name, content in members.items():
        # Name, time, owner, group, mode and size, as ar(5) wants them.
        made.append(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode())
        made.append(content + b"\n" * (len(content) % 2))
    return b"".join(made)
