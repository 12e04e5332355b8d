"""A GnuPG home and the keys in it."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, Self

from pysequoia import PySigner, Tsk
from pysequoia.packet import Packet, PacketPile, Tag

from workers.outcome import BadRequest, InfrastructureFault
from workers.public_keys import export

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Kind = Literal["deb", "rpm"]

_TEST_KEY = "Lockgate test repositories <test@localhost>"
_ALGORITHMS = {"rpm": "rsa3072", "deb": "ed25519"}  # old rpm knows no EdDSA
_UNUSABLE = {"r": "is revoked", "e": "has expired", "d": "is disabled", "i": "is invalid"}
_TIME_TO_WARN = timedelta(days=45)
# Public key algorithms by their numbers (RFC 9580, section 9.1), and what clients accept: old rpm
# knows RSA only; apt takes no DSA and, since 2.7.13, no RSA below 2048 bits.
_RSA, _ECDSA, _EDDSA = "1", "19", "22"
_LEAST_RSA_BITS = {"rpm": 3072, "deb": 2048}
_OTHERS = {"rpm": (), "deb": (_ECDSA, _EDDSA)}


@dataclass(frozen=True)
class Key:
    """A key that can sign."""

    fingerprint: str
    expires: datetime | None
    signer: PySigner = field(repr=False)

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

    def make_key(self, kind: Kind, owner: str, expires: str = "never") -> Key:
        """Make a key without a passphrase; ``expires`` as gpg(1) takes it, such as ``2y``."""
        said = self._gpg(
            # An owner may have several: a key and its successor.
            *("--batch", "--yes", "--status-fd", "1", "--passphrase", ""),
            *("--quick-generate-key", owner, _ALGORITHMS[kind], "sign", expires),
        )
        created = re.search(r"^\[GNUPG:\] KEY_CREATED \S+ ([0-9A-F]{40})", said, re.MULTILINE)
        if created is None:
            raise InfrastructureFault("gpg does not say which key it made", said[-1000:])
        return self.key(created[1], kind)

    def key(self, who: str, kind: Kind) -> Key:
        """The first key of somebody; raises BadRequest when it cannot sign for a format."""
        found = self._listed([who])
        problem = self._problem(who, found[0] if found else None, kind)
        if problem is not None:
            raise BadRequest(problem)
        (key,) = self._opened(found[:1])
        return key

    def keys(self, fingerprints: Sequence[str], kind: Kind) -> list[Key]:
        """Keys that sign for a format; raises BadRequest when one of them cannot."""
        listed = {each.fingerprint: each for each in self._listed(fingerprints)}
        problems = [self._problem(each, listed.get(each), kind) for each in fingerprints]
        told = [problem for problem in problems if problem is not None]
        if told:
            raise BadRequest(told[0], "\n".join(told[1:]))
        return self._opened([listed[each] for each in fingerprints])

    def public_keys(self, fingerprints: Sequence[str]) -> bytes:
        """Public keys, armoured, in one block; raises BadRequest if there are not just these."""
        made, exported = export(self.path, fingerprints)
        if missing := set(fingerprints) - exported:
            raise BadRequest(
                f"{self.path} holds no public key {min(missing)}; import it there with gpg --import"
            )
        if strangers := exported - set(fingerprints):
            raise BadRequest(f"key {min(strangers)} has one of the keys as a subkey; remove it")
        return made

    def _listed(self, who: Sequence[str]) -> list[_Listed]:
        """What the home has of some keys; see gnupg's doc/DETAILS."""
        command = ("--batch", "--with-colons", "--with-secret", "--list-keys")
        lines = [line.split(":") for line in self._gpg(*command, *who, fail=False).splitlines()]
        # A fingerprint follows each key; those of subkeys do not count.
        return [
            _Listed.of(fields, following[9])
            for fields, following in pairwise(lines)
            if fields[0] == "pub"
        ]

    def _opened(self, listed: Sequence[_Listed]) -> list[Key]:
        """Keys with their secrets, which their home gives to its owner only."""
        names = [each.fingerprint for each in listed]
        # Nobody is there to be asked for a passphrase.
        told = ("--batch", "--pinentry-mode", "error", "--export-secret-keys")
        found: dict[str, list[Packet]] = {}
        its: list[Packet] = []
        exported = self._run(*told, *names, fail=False)
        for packet in PacketPile.from_bytes(exported) if exported else ():
            if packet.tag == Tag.SecretKey:
                its = found.setdefault(str(packet.fingerprint).upper(), [])
            elif packet.tag == Tag.SecretSubkey:
                its = []  # clients are given the key by its own name: no subkey signs
            its.append(packet)
        return [Key(e.fingerprint, e.expires, self._signer(e.fingerprint, found)) for e in listed]

    def _signer(self, name: str, exported: Mapping[str, Sequence[Packet]]) -> PySigner:
        if name not in exported:
            raise BadRequest(
                f"{self.path} does not hand out the secret key {name}: it must have no passphrase "
                "and be on no card"
            )
        try:
            return Tsk.from_packets(exported[name]).signer()
        except (ValueError, RuntimeError) as error:
            raise BadRequest(
                f"key {name} is of no use: it is on a card, or on a curve that few clients know, "
                "or its own signature is by an old digest; gpg --quick-set-expire makes that anew",
                str(error)[:1000],
            ) from error

    def _problem(self, who: str, found: _Listed | None, kind: Kind) -> str | None:
        """Why a key cannot sign what clients of a format accept."""
        if found is None or not found.is_secret:
            return f"{self.path} holds no secret key of {who}; nothing goes unsigned"
        if found.validity in _UNUSABLE:
            return f"key {who} {_UNUSABLE[found.validity]}; nothing goes unsigned"
        if "s" not in found.capabilities:
            return f"key {who} cannot sign itself; one that signs by a subkey only is of no use"
        if not found.suits(kind):
            more = " (or ECDSA or EdDSA)" if _OTHERS[kind] else ""
            return (
                f"key {who} does not suit {kind} repositories, whose clients want RSA of at least "
                f"{_LEAST_RSA_BITS[kind]} bits{more}"
            )
        return None

    def _gpg(self, *arguments: str, fail: bool = True) -> str:
        return self._run(*arguments, fail=fail).decode()

    def _run(self, *arguments: str, fail: bool = True) -> bytes:
        result = subprocess.run(
            ["gpg", "--homedir", str(self.path), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        )
        if fail and result.returncode != 0:
            raise InfrastructureFault(
                "gpg failed; see its words", result.stderr.decode(errors="replace")[-1000:]
            )
        return result.stdout


@dataclass(frozen=True)
class _Listed:
    """A key as gpg(1) lists it."""

    fingerprint: str
    expires: datetime | None
    validity: str
    algorithm: str
    bits: int
    capabilities: str
    is_secret: bool

    @classmethod
    def of(cls, fields: Sequence[str], fingerprint: str) -> Self:
        expires = datetime.fromtimestamp(int(fields[6]), UTC) if fields[6] else None
        return cls(
            fingerprint,
            expires,
            validity=fields[1],
            bits=int(fields[2]),
            algorithm=fields[3],
            capabilities=fields[11],
            # A stub is "#": the key itself is elsewhere.
            is_secret=fields[14] not in ("", "#"),
        )

    def suits(self, kind: Kind) -> bool:
        if self.algorithm == _RSA:
            return self.bits >= _LEAST_RSA_BITS[kind]
        return self.algorithm in _OTHERS[kind]


def throw_away_key(home: Home) -> Key:
    """The key of test repositories, made when first needed."""
    try:
        return home.key(_TEST_KEY, "deb")
    except BadRequest:
        return home.make_key("deb", _TEST_KEY)
