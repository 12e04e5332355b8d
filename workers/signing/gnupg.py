"""A GnuPG home and the keys in it."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from workers.outcome import BadRequest, InfrastructureFault

if TYPE_CHECKING:
    from pathlib import Path

_TEST_KEY = "Lockgate test repositories <test@localhost>"
_ALGORITHMS = {"rpm": "rsa4096", "deb": "ed25519"}  # old rpm knows no EdDSA


@dataclass(frozen=True)
class Home:
    """A GnuPG home that only its owner can open."""

    path: Path

    @classmethod
    def of(cls, path: Path, *, make: bool = True) -> Self:
        """The home at a path, made with mode 0700 if it is missing.

        Raises BadRequest when somebody else owns it or could look into it.
        """
        path = path.resolve()
        if make:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            found = path.stat()
        except OSError as error:
            raise BadRequest(f"there is no GnuPG home {path}: {error}") from error
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) != stat.S_IRWXU:
            raise BadRequest(f"{path} must belong to the user who signs and have mode 0700")
        return cls(path)

    def make_key(self, kind: str, owner: str) -> str:
        """Make a key without a passphrase and answer its fingerprint."""
        self._gpg(
            *("--batch", "--passphrase", "", "--quick-generate-key", owner, _ALGORITHMS[kind]),
            *("sign", "never"),
        )
        return self.fingerprint(owner)

    def fingerprint(self, who: str) -> str:
        """The fingerprint of a secret key; raises BadRequest when there is none."""
        listing = self._gpg("--batch", "--with-colons", "--list-secret-keys", who, fail=False)
        found = re.search(r"^fpr:+([0-9A-F]{40}):", listing, re.MULTILINE)
        if found is None:
            raise BadRequest(f"{self.path} holds no secret key of {who}; nothing goes unsigned")
        return found[1]

    def public_key(self, fingerprint: str) -> bytes:
        """The public key, armoured."""
        return self._gpg("--batch", "--armor", "--export", fingerprint).encode()

    def clear_sign(self, fingerprint: str, text: bytes) -> bytes:
        """Text with its signature around it (RFC 9580, section 7), by exactly this key."""
        return self._gpg(
            *("--batch", "--local-user", f"{fingerprint}!", "--digest-algo", "SHA512"),
            "--clear-sign",
            text=text,
        ).encode()

    def _gpg(self, *arguments: str, text: bytes = b"", fail: bool = True) -> str:
        result = subprocess.run(
            ["gpg", "--homedir", str(self.path), *arguments],
            input=text,
            capture_output=True,
            timeout=120,
            check=False,
        )
        if fail and result.returncode != 0:
            raise InfrastructureFault(
                "gpg failed; see its words", result.stderr.decode(errors="replace")[-1000:]
            )
        return result.stdout.decode()


def throw_away_key(home: Home) -> str:
    """The key of test repositories, made when first needed."""
    try:
        return home.fingerprint(_TEST_KEY)
    except BadRequest:
        return home.make_key("deb", _TEST_KEY)
