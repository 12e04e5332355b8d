"""Signed statements: DSSE envelopes with OpenPGP signatures.

See "DSSE: Dead Simple Signing Envelope", protocol and envelope v1.0.2. A signature is a binary
detached OpenPGP signature (RFC 9580, 10.4) over the pre-authentication encoding; ``keyid`` is the
key's fingerprint.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workers.outcome import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workers.repository.signatures import Keyring

_TYPE = "application/vnd.in-toto+json"


class _Signature(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    keyid: str
    sig: str


class _Envelope(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    payload_type: str = Field(alias="payloadType")
    payload: str
    signatures: list[_Signature]


def seal(payload: bytes, keys: Sequence[str], sign: Callable[[str, bytes], bytes]) -> bytes:
    """An envelope around a statement; ``sign`` answers a key's signature of some bytes."""
    encoded = _encoding(payload)
    made = [_Signature(keyid=key, sig=b64encode(sign(key, encoded)).decode()) for key in keys]
    envelope = _Envelope(payloadType=_TYPE, payload=b64encode(payload).decode(), signatures=made)
    return envelope.model_dump_json(by_alias=True).encode()


def open_sealed(content: bytes, keyring: Keyring) -> bytes:
    """The statement in an envelope, one signature of which is by a key of a keyring.

    Raises BadRequest when there is none, or the envelope cannot be read.
    """
    payload, signed = _parts(content)
    encoded = _encoding(payload)
    if not any(keyring.has_signed(encoded, signature) for signature in signed):
        raise BadRequest(f"it is not signed by a key in {keyring.name}")
    return payload


def unsigned(content: bytes) -> bytes:
    """The statement in an envelope, whoever signed it; raises BadRequest if there is none."""
    return _parts(content)[0]


def _parts(content: bytes) -> tuple[bytes, list[bytes]]:
    try:
        envelope = _Envelope.model_validate_json(content)
        payload = b64decode(envelope.payload, validate=True)
        signed = [b64decode(each.sig, validate=True) for each in envelope.signatures]
    except (ValidationError, ValueError) as error:
        raise BadRequest(f"no DSSE envelope: {str(error)[:200]}") from error
    if envelope.payload_type != _TYPE:
        raise BadRequest(f"no envelope of a statement but of {envelope.payload_type[:100]!a}")
    return payload, signed


def _encoding(payload: bytes) -> bytes:
    """The pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(_TYPE), _TYPE.encode(), len(payload), payload)
