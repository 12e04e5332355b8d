"""Signatures of a repository's metadata, checked before anything is published."""

from __future__ import annotations

import re
import subprocess
import tempfile
from base64 import b64decode
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from workers.outcome import BadRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def clear_signed(signed: Path, text: bytes, key: Path) -> bytes:
    """The content of a file that is a text with its signature around it, by a public key.

    Raises BadRequest for any other text or key.
    """
    content = read(signed)
    if opened(content, key).rstrip() != text.rstrip():
        raise BadRequest(f"{signed} signs another text than the staged one")
    return content


def opened(content: bytes, key: Path) -> bytes:
    """The text that a public key signed, if a content is that with its signature around it.

    Raises BadRequest if it is not, or is anything besides.
    """
    if _SIGNED.fullmatch(content) is None:
        raise BadRequest("it is not one signed text and nothing else")
    with _keyring(key) as (folder, keyring):
        signed, clear = folder / "signed", folder / "clear"
        signed.write_bytes(content)
        _gpg(
            ["gpgv", "--keyring", str(keyring), "--output", str(clear), str(signed)],
            wrong=f"it is not signed by the key in {key}",
        )
        return clear.read_bytes()


def detached(signature: Path, text: Path, key: Path) -> bytes:
    """The content of a file that is a text's signature, by a public key.

    Raises BadRequest for any other text or key.
    """
    content = read(signature)
    with _keyring(key) as (_, keyring):
        _gpg(
            ["gpgv", "--keyring", str(keyring), str(signature), str(text)],
            wrong=f"{signature} is no signature of the staged {text.name} by the key in {key}",
        )
    return content


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


def _gpg(command: list[str], wrong: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if result.returncode != 0:
        raise BadRequest(wrong, result.stderr[-1000:])
