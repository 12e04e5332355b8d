"""Signatures of a repository's metadata, checked before anything is published, and by audits.

A text may have several signatures while keys are exchanged, and a key file may not hold all of
their keys. One that is good is enough, as it is for apt; one that is wrong spoils the rest.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from base64 import b64decode
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from workers.outcome import BadRequest
from workers.public_keys import fingerprints

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

# One signed text and nothing else (RFC 9580, section 7): clients differ in what they make of more.
_SIGNED = re.compile(
    rb"-----BEGIN PGP SIGNED MESSAGE-----\n(?:[A-Za-z]+: [^\n]*\n)+\n(?:(?!-----)[^\n]*\n)*"
    rb"-----BEGIN PGP SIGNATURE-----\n(?:(?!-----)[^\n]*\n)*-----END PGP SIGNATURE-----\n?"
)
# Header lines, a blank one, the body, and perhaps a checksum (RFC 9580, section 6.2).
_ARMOUR = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\n(?:[A-Za-z]+: [^\n]*\n)*\n"
    rb"([A-Za-z0-9+/=\n]*?)(?:=[A-Za-z0-9+/]{4}\n)?-----END PGP PUBLIC KEY BLOCK-----"
)
_STATUS = re.compile(r"^\[GNUPG:\] (\S+) ?(.*)$", re.MULTILINE)
# What ERRSIG says of a signature whose key is not in the keyring.
_NO_PUBLIC_KEY = "9"


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


def clear_signed(signed: Path, text: bytes, key: Path) -> bytes:
    """The content of a file that is a text with its signature around it, by a public key.

    Raises BadRequest for any other text or key.
    """
    content = read(signed)
    if opened(content, key).rstrip() != text.rstrip():
        raise BadRequest(f"{signed} signs another text than the staged one")
    return content


def opened(content: bytes, key: Path) -> bytes:
    """The text that a key of a file signed, if a content is that with its signatures around it.

    Raises BadRequest if it is not, or is anything besides.
    """
    if _SIGNED.fullmatch(content) is None:
        raise BadRequest("it is not one signed text and nothing else")
    with _keyring(key) as (folder, keyring):
        signed, clear = folder / "signed", folder / "clear"
        signed.write_bytes(content)
        _verify(
            keyring,
            ["--output", str(clear), str(signed)],
            wrong=f"it is not signed by a key in {key}",
        )
        return clear.read_bytes()


def detached(signature: Path, text: Path, key: Path) -> bytes:
    """The content of a file that is a text's signature, by a key of a file.

    Raises BadRequest for any other text or key.
    """
    content = read(signature)
    with _keyring(key) as (_, keyring):
        _verify(
            keyring,
            [str(signature), str(text)],
            wrong=f"{signature} is no signature of the staged {text.name} by a key in {key}",
        )
    return content


def is_good(status: str) -> bool:
    """Whether a signature is good and none is wrong, by what gpgv(1) tells of each. Pure.

    One by a key that is not known counts for nothing. One by a key that has expired counts if it
    was made before: what was published then is still there. See gnupg's doc/DETAILS.
    """
    good, standing, expired = False, "", 0
    for keyword, told in _STATUS.findall(status):
        match keyword:
            case "BADSIG":
                return False
            case "ERRSIG" if told.split()[5] != _NO_PUBLIC_KEY:
                return False
            case "KEYEXPIRED":
                expired = int(told)
            case "GOODSIG" | "EXPSIG" | "EXPKEYSIG" | "REVKEYSIG":
                standing = keyword
            case "VALIDSIG":
                made = int(told.split()[2])
                good |= standing == "GOODSIG" or (standing == "EXPKEYSIG" and made < expired)
    return good


def read(path: Path) -> bytes:
    """A file that somebody handed in; raises BadRequest if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error}") from error


@contextmanager
def _keyring(key: Path) -> Iterator[tuple[Path, Path]]:
    if not key.is_file():
        raise BadRequest(f"{key} is missing: put the repository's public key there")
    try:
        armoured = [b64decode(body) for body in _ARMOUR.findall(key.read_bytes())]
    except ValueError as error:
        raise BadRequest(f"{key} cannot be read: {error}") from error
    if not armoured:
        raise BadRequest(f"{key} is no armoured public key; export it with gpg --armor --export")
    with tempfile.TemporaryDirectory() as folder:
        keyring = Path(folder) / "keyring.gpg"  # gpgv(1) reads no armour
        keyring.write_bytes(b"".join(armoured))
        yield Path(folder), keyring


def _verify(keyring: Path, arguments: list[str], wrong: str) -> None:
    result = subprocess.run(
        ["gpgv", "--status-fd", "1", "--keyring", str(keyring), *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        check=False,
    )
    # Its exit status is that of the worst signature.
    if not is_good(result.stdout):
        raise BadRequest(wrong, result.stderr[-1000:])
