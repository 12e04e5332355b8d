"""The public keys that somebody trusts, and what they have signed."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workers.outcome import BadRequest, InfrastructureFault
from workers.provenance.envelope import open_sealed, unsigned
from workers.public_keys import fingerprints
from workers.repository.signatures import Keyring

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNED = b"-----BEGIN PGP SIGNATURE-----"
_UNTRANSLATED = {**os.environ, "LC_ALL": "C"}


@dataclass(frozen=True)
class Trust:
    """Trusts the public keys in a file; use :func:`trusting`."""

    key: Path
    fingerprints: frozenset[str]
    """Of the primary keys in it."""
    _keyring: Keyring
    _packages: Path
    """rpm's database that knows these keys and no others."""

    def opened(self, content: bytes) -> bytes:
        """The text that is signed in a content; raises BadRequest if it is not."""
        return self._keyring.opened(content)

    def unsealed(self, content: bytes) -> bytes:
        """The statement in an envelope; raises BadRequest if it is not signed."""
        return open_sealed(content, self._keyring)

    def has_signed(self, text: bytes, signature: bytes) -> bool:
        """Whether a signature is of a text."""
        return self._keyring.has_signed(text, signature)

    def has_signed_package(self, package: Path) -> bool:
        """Whether an RPM package has a good signature (rpmkeys(8))."""
        result = _rpmkeys(self._packages, "--checksig", package)
        # Without any signature the digests are OK too.
        return result.returncode == 0 and result.stdout.rstrip().endswith("digests signatures OK")


class NoTrust:
    """Takes everything for signed: stands where nobody has said whom to trust."""

    key = None

    def opened(self, content: bytes) -> bytes:
        """The text without what stands around it."""
        return content.partition(b"\n\n")[2].partition(_SIGNED)[0]

    def unsealed(self, content: bytes) -> bytes:
        """The statement, whoever signed it."""
        return unsigned(content)

    def has_signed(self, text: bytes, signature: bytes) -> bool:
        """Always."""
        del text, signature
        return True


@contextmanager
def trusting(key: Path) -> Iterator[Trust]:
    """Trust the keys in a file; raises BadRequest if there are none that all tools can read."""
    with tempfile.TemporaryDirectory() as folder:
        known = frozenset(fingerprints(key.read_bytes()))
        if not known:
            raise BadRequest(f"{key} holds no public key; export one with gpg --armor --export")
        packages = Path(folder)
        imported = _rpmkeys(packages, "--import", key)
        if imported.returncode != 0:
            raise InfrastructureFault(f"rpm cannot read {key}", imported.stderr[-1000:])
        yield Trust(key, known, Keyring.of(key), packages)


def _rpmkeys(database: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["rpmkeys", "--dbpath", database, *arguments],
        env=_UNTRANSLATED,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=300,
        check=False,
    )
