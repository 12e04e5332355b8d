"""Files of public keys, armoured, as gpg(1) writes and reads them."""

from __future__ import annotations

import re
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

KEY = "key.asc"
"""At a repository's root: the public keys that clients check it with."""

_EXPORTED = re.compile(rb"^\[GNUPG:\] EXPORTED (\S+)", re.MULTILINE)
_SECONDS = 60


def fingerprints(content: bytes) -> set[str]:
    """Fingerprints of the primary keys in a file."""
    with tempfile.TemporaryDirectory() as home:
        listed = _gpg(Path(home), "--with-colons", "--show-keys", content=content).stdout
    lines = [line.split(":") for line in listed.decode(errors="replace").splitlines()]
    # A fingerprint follows each key; those of subkeys do not count.
    return {
        fields[9] for before, fields in pairwise(lines) if before[0] == "pub" and fields[0] == "fpr"
    }


def only(content: bytes, wanted: Collection[str]) -> bytes:
    """A file of those keys of another that have certain fingerprints; empty if it has none.

    They are imported on the way: a subkey that somebody else has put to a key is left out.
    """
    with tempfile.TemporaryDirectory() as home:
        _gpg(Path(home), "--import", content=content)
        kept, exported = export(Path(home), wanted)
    # A stranger's key may have one of them as its subkey.
    return kept if exported <= set(wanted) else b""


def export(home: Path, wanted: Collection[str]) -> tuple[bytes, set[str]]:
    """A file of keys of a GnuPG home, and the fingerprints of the keys that are in it."""
    made = _gpg(home, "--status-fd", "2", "--armor", "--export", *wanted)
    found = {fingerprint.decode() for fingerprint in _EXPORTED.findall(made.stderr)}
    return made.stdout, found


def _gpg(home: Path, *arguments: str, content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["gpg", "--homedir", str(home), "--batch", "--no-autostart", *arguments],
        input=content,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
