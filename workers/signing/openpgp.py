"""Signatures as clients of repositories read them (RFC 9580), each by several keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pysequoia import ArmorKind, Sig, SignatureMode, armor, sign

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.signing.gnupg import Key

_SIGNATURE = b"-----BEGIN PGP SIGNATURE-----"


def clear_signed(keys: Sequence[Key], text: bytes) -> bytes:
    """Text with its signatures around it (RFC 9580, section 7)."""
    made = [sign(key.signer, text, mode=SignatureMode.CLEAR) for key in keys]
    signed, begin, _ = made[0].rpartition(_SIGNATURE)
    # They differ in the signature only: what stands before it, all of them are about.
    return signed + _armoured([begin + each.rpartition(_SIGNATURE)[2] for each in made])


def detached_signature(keys: Sequence[Key], text: bytes) -> bytes:
    """Signatures of a text, armoured."""
    return _armoured([binary_signature(key, text) for key in keys])


def binary_signature(key: Key, content: bytes) -> bytes:
    """A key's signature of some bytes, without armour."""
    return sign(key.signer, content, mode=SignatureMode.DETACHED, armor=False)


def _armoured(signatures: Sequence[bytes]) -> bytes:
    packets = b"".join(bytes(Sig.from_bytes(signature)) for signature in signatures)
    return armor(packets, ArmorKind.Signature).encode()
