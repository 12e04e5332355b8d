"""Signatures of a repository's metadata, checked before anything is published, and by audits.

A text may have several signatures while keys are exchanged, and a keyring may not hold all of
their keys. One that is good is enough, as it is for apt; one that is wrong spoils the rest.
"""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pysequoia import Cert, Sig, verify
from pysequoia.packet import Packet, PacketPile, Tag

from workers.outcome import BadRequest
from workers.public_keys import fingerprints

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

# One signed text and nothing else (RFC 9580, section 7): clients differ in what they make of more.
_SIGNED = re.compile(
    rb"-----BEGIN PGP SIGNED MESSAGE-----\n(?:[A-Za-z]+: [^\n]*\n)+\n(?:(?!-----)[^\n]*\n)*"
    rb"(-----BEGIN PGP SIGNATURE-----\n(?:(?!-----)[^\n]*\n)*-----END PGP SIGNATURE-----\n?)"
)
# Header lines, a blank one, the body, and perhaps a checksum (RFC 9580, section 6.2).
_ARMOUR = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\n(?:[A-Za-z]+: [^\n]*\n)*\n"
    rb"([A-Za-z0-9+/=\n]*?)(?:=[A-Za-z0-9+/]{4}\n)?-----END PGP PUBLIC KEY BLOCK-----"
)
_KEYS = (Tag.PublicKey, Tag.PublicSubkey)


@dataclass(frozen=True)
class Keyring:
    """Public keys, by which signatures are checked."""

    name: str
    """What messages call it."""
    _keys: tuple[Cert, ...]
    _names: frozenset[str]
    """Fingerprints of the keys, and of their subkeys."""

    @classmethod
    def of(cls, path: Path) -> Self:
        """The keys in a file; raises as :meth:`holding` does."""
        if not path.is_file():
            raise BadRequest(f"{path} is missing: put the repository's public key there")
        return cls.holding(path.read_bytes(), str(path))

    @classmethod
    def holding(cls, content: bytes, name: str) -> Self:
        """The keys in an armoured content; raises BadRequest if there are none that can be read.

        A key that its owner revoked is left out: what it signed counts for nothing.
        """
        blocks = _ARMOUR.findall(content)
        if not blocks:
            raise BadRequest(
                f"{name} is no armoured public key; export it with gpg --armor --export"
            )
        try:
            keys = [key for block in blocks for key in Cert.split_bytes(b64decode(block))]
            in_use = tuple(key for key in keys if not key.is_revoked)
            packets = [packet for key in in_use for packet in PacketPile.from_bytes(bytes(key))]
        except (ValueError, RuntimeError) as error:
            raise BadRequest(f"{name} cannot be read: {str(error)[:200]}") from error
        names = (packet.fingerprint for packet in packets if packet.tag in _KEYS)
        return cls(name, in_use, frozenset(name for name in names if name))

    def opened(self, content: bytes) -> bytes:
        """The text, without its last newline, that a content is with signatures around it.

        Raises BadRequest if it is not signed by one of the keys, or is anything besides.
        """
        found = _SIGNED.fullmatch(content)
        if found is None:
            raise BadRequest("it is not one signed text and nothing else")
        unsigned = BadRequest(f"it is not signed by a key in {self.name}")
        try:
            packets = list(PacketPile.from_bytes(found[1]))
            read = verify(bytes=content, store=self._store)
        except (ValueError, RuntimeError) as error:
            raise unsigned from error
        if read.bytes is None or len(read.valid_sigs) != sum(map(self._is_by_one, packets)):
            raise unsigned
        return read.bytes

    def has_signed(self, text: bytes, signature: bytes) -> bool:
        """Whether a signature, armoured or not, is of a text and by one of the keys."""
        try:
            own = [each for each in PacketPile.from_bytes(signature) if self._is_by_one(each)]
            for packet in own:
                verify(bytes=text, store=self._store, signature=Sig.from_bytes(bytes(packet)))
        except (ValueError, RuntimeError):
            return False
        return bool(own)

    def _store(self, wanted: object) -> list[Cert]:
        del wanted
        return list(self._keys)

    def _is_by_one(self, signature: Packet) -> bool:
        """Whether it says so, truly or not."""
        return signature.issuer_fingerprint in self._names


def new_keys(offered: Path, published: Path, named: Collection[str]) -> bytes | None:
    """The public keys that came with signatures; None if the same ones are published already.

    Raises BadRequest when a key of them is not among the fingerprints ``named``.
    """
    content = read(offered)
    if published.is_file() and published.read_bytes() == content:
        return None
    if not fingerprints(content) <= set(named):
        raise BadRequest(f"{offered} holds a key that the site file does not name")
    return content


def clear_signed(signed: Path, text: bytes, keyring: Keyring) -> bytes:
    """The content of a file that is a text with signatures around it.

    Raises BadRequest for any other text, and if none of the keys signed it.
    """
    content = read(signed)
    if _as_signed(keyring.opened(content)) != _as_signed(text):
        raise BadRequest(f"{signed} signs another text than the staged one")
    return content


def detached(signature: Path, text: Path, keyring: Keyring) -> bytes:
    """The content of a file that is a text's signature.

    Raises BadRequest for any other text, and if none of the keys signed it.
    """
    content = read(signature)
    if not keyring.has_signed(text.read_bytes(), content):
        raise BadRequest(
            f"{signature} is no signature of the staged {text.name} by a key in {keyring.name}"
        )
    return content


def read(path: Path) -> bytes:
    """A file that somebody handed in; raises BadRequest if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error}") from error


def _as_signed(text: bytes) -> list[bytes]:
    """Signing leaves out what is white at the end of lines (RFC 9580, section 7.2)."""
    return [line.rstrip() for line in text.rstrip().split(b"\n")]
