"""Signatures of a repository's metadata, checked before anything is published."""

from __future__ import annotations

import re
import subprocess
import tempfile
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


def clear_signed(signed: Path, text: bytes, key: Path) -> bytes:
    """The content of a file that is a text with its signature around it, by a public key.

    Raises BadRequest for any other text or key.
    """
    content = _read(signed)
    if _SIGNED.fullmatch(content) is None:
        raise BadRequest(f"{signed} is not one signed text and nothing else")
    with _keyring(key) as (folder, keyring):
        clear = folder / "clear"
        _gpg(
            ["gpgv", "--keyring", str(keyring), "--output", str(clear), str(signed)],
            wrong=f"{signed} is not signed by the key in {key}",
        )
        if clear.read_bytes().rstrip() != text.rstrip():
            raise BadRequest(f"{signed} signs another text than the staged one")
    return content


def detached(signature: Path, text: Path, key: Path) -> bytes:
    """The content of a file that is a text's signature, by a public key.

    Raises BadRequest for any other text or key.
    """
    content = _read(signature)
    with _keyring(key) as (_, keyring):
        _gpg(
            ["gpgv", "--keyring", str(keyring), str(signature), str(text)],
            wrong=f"{signature} is no signature of the staged {text.name} by the key in {key}",
        )
    return content


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error}") from error


@contextmanager
def _keyring(key: Path) -> Iterator[tuple[Path, Path]]:
    if not key.is_file():
        raise BadRequest(f"{key} is missing: put the repository's public key there")
    with tempfile.TemporaryDirectory() as folder:
        keyring = Path(folder) / "keyring.gpg"
        _gpg(["gpg", "--homedir", folder, "--dearmor", "--output", str(keyring), str(key)])
        yield Path(folder), keyring


def _gpg(command: list[str], wrong: str = "the public key cannot be read") -> None:
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if result.returncode != 0:
        raise BadRequest(wrong, result.stderr[-1000:])
