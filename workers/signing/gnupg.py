"""A GnuPG home and the keys in it."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

from workers.outcome import BadRequest, InfrastructureFault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_TEST_KEY = "Lockgate test repositories <test@localhost>"
_ALGORITHMS = {"rpm": "rsa3072", "deb": "ed25519"}  # old rpm knows no EdDSA
_UNUSABLE = {"r": "is revoked", "e": "has expired", "d": "is disabled", "i": "is invalid"}
_TIME_TO_WARN = timedelta(days=45)


@dataclass(frozen=True)
class Key:
    """A secret key."""

    fingerprint: str
    expires: datetime | None = None

    def warnings(self, now: datetime) -> list[str]:
        """What an operator should know before it is too late."""
        if self.expires is None or self.expires - now > _TIME_TO_WARN:
            return []
        days = max((self.expires - now).days, 0)
        warning = (
            f"key {self.fingerprint} expires in {days} days: add its successor to the site file "
            "now, so that clients can learn of it in time"
        )
        return [warning]


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

    def make_key(self, kind: str, owner: str, expires: str = "never") -> Key:
        """Make a key without a passphrase; ``expires`` as gpg(1) takes it, such as ``2y``."""
        said = self._gpg(
            # An owner may have several: a key and its successor.
            *("--batch", "--yes", "--status-fd", "1", "--passphrase", ""),
            *("--quick-generate-key", owner, _ALGORITHMS[kind], "sign", expires),
        )
        created = re.search(r"^\[GNUPG:\] KEY_CREATED \S+ ([0-9A-F]{40})", said, re.MULTILINE)
        if created is None:
            raise InfrastructureFault("gpg does not say which key it made", said[-1000:])
        return self.key(created[1])

    def key(self, who: str) -> Key:
        """A secret key; raises BadRequest when there is none that can sign."""
        listing = self._gpg("--batch", "--with-colons", "--list-secret-keys", who, fail=False)
        lines = [line.split(":") for line in listing.splitlines()]
        secret = next((fields for fields in lines if fields[0] == "sec"), None)
        if secret is None:
            raise BadRequest(f"{self.path} holds no secret key of {who}; nothing goes unsigned")
        if secret[1] in _UNUSABLE:
            raise BadRequest(f"key {who} {_UNUSABLE[secret[1]]}; nothing goes unsigned")
        fingerprint = next(fields[9] for fields in lines if fields[0] == "fpr")
        expires = datetime.fromtimestamp(int(secret[6]), UTC) if secret[6] else None
        return Key(fingerprint, expires)

    def public_keys(self, keys: Sequence[Key]) -> bytes:
        """Public keys, armoured."""
        return self._gpg("--batch", "--armor", "--export", *_names(keys)).encode()

    def clear_sign(self, keys: Sequence[Key], text: bytes) -> bytes:
        """Text with its signatures around it (RFC 9580, section 7), by exactly these keys."""
        return self._gpg(*_by(keys), "--clear-sign", text=text).encode()

    def detached_signature(self, keys: Sequence[Key], text: bytes) -> bytes:
        """Signatures of a text, armoured."""
        return self._gpg(*_by(keys), "--armor", "--detach-sign", text=text).encode()

    def binary_signature(self, key: Key, content: bytes) -> bytes:
        """A key's signature of some bytes, without armour."""
        return self._run(*_by([key]), "--detach-sign", text=content)

    def _gpg(self, *arguments: str, text: bytes = b"", fail: bool = True) -> str:
        return self._run(*arguments, text=text, fail=fail).decode()

    def _run(self, *arguments: str, text: bytes = b"", fail: bool = True) -> bytes:
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
        return result.stdout


def throw_away_key(home: Home) -> Key:
    """The key of test repositories, made when first needed."""
    try:
        return home.key(_TEST_KEY)
    except BadRequest:
        return home.make_key("deb", _TEST_KEY)


def _names(keys: Sequence[Key]) -> list[str]:
    return [f"{key.fingerprint}!" for key in keys]


def _by(keys: Sequence[Key]) -> list[str]:
    users = [word for name in _names(keys) for word in ("--local-user", name)]
    return ["--batch", *users, "--digest-algo", "SHA512"]
