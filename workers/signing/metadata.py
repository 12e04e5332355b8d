"""Signing the text that a generation is committed with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from workers.files import sha256_of, together
from workers.outcome import BadRequest
from workers.provenance.envelope import seal
from workers.provenance.place import ENVELOPE, STATEMENT
from workers.public_keys import KEY
from workers.repository.generations import moment
from workers.signing.expected import check_statement
from workers.signing.log import record_generation
from workers.signing.openpgp import binary_signature, clear_signed, detached_signature

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from workers.provenance.record import Record
    from workers.signing.gnupg import Key

_RELEASE, _REPOMD = "Release", "repomd.xml"
_STAMP = rb"\d{8}T\d{6}\.\d{6}Z"
_STAMPS = {
    _RELEASE: re.compile(rb"^X-Lockgate-Generation: (" + _STAMP + rb")$", re.MULTILINE),
    _REPOMD: re.compile(rb"<revision>(" + _STAMP + rb")</revision>"),
}
_SKEW = timedelta(hours=1)


@dataclass(frozen=True)
class Signed:
    """What was made of a generation's text."""

    files: list[str]
    """Names of the files to commit it with."""
    line: str
    """SHA-256 of the last line in the log on it."""


def sign_metadata(
    home: Path,
    keys: Sequence[Key],
    public_keys: bytes,
    staged: Path,
    out: Path,
    why: Mapping[str, str],
    *,
    record: Record | None = None,
) -> Signed:
    """Sign the one text in a folder, and the statement on what it publishes if there is one.

    The signed files are made in another folder, with a file of ``public_keys``, by which clients
    know the repository: those of ``keys``, and of others that sign no more. ``record`` tells where
    the packages come from that the generation adds, if it adds any.

    What is signed is in the log in ``home``, with ``why`` (build, requester, repository), before a
    signature exists. Raises BadRequest for a statement that does not follow from the record, and
    for a generation older than the newest that was signed for the repository.
    """
    text = _text(staged)
    content = text.read_bytes()
    stamp = _stamp(text.name, content)
    names = [key.fingerprint for key in keys]
    to_sign = {text.name: content}
    statement = staged / STATEMENT
    if statement.is_file():
        to_sign[STATEMENT] = statement.read_bytes()
        check_statement(to_sign[STATEMENT], record, stamp)
    about = {"generation": stamp, "key": ",".join(names), **why}
    entries = [{"what": name, "sha256": sha256_of(it), **about} for name, it in to_sign.items()]
    line = record_generation(home, why["repository"], stamp, entries)
    made = {KEY: public_keys}
    if text.name == _RELEASE:
        made["InRelease"] = clear_signed(keys, content)
        made["Release.gpg"] = detached_signature(keys, content)
    else:
        made["repomd.xml.asc"] = detached_signature(keys, content)
    if STATEMENT in to_sign:
        made[ENVELOPE] = _sealed(keys, to_sign[STATEMENT])
    with together(out) as signed:
        for name, signature in made.items():
            signed.write(out / name, signature)
    return Signed(sorted(made), line)


def _stamp(name: str, content: bytes) -> str:
    """The generation a text is of; one made tomorrow would keep all others from being signed."""
    found = _STAMPS[name].search(content)
    if found is None:
        raise BadRequest(f"{name} names no generation")
    stamp = found[1].decode()
    if moment(stamp) > datetime.now(UTC) + _SKEW:
        raise BadRequest(f"generation {stamp} of {name} is not made yet; look at the clocks")
    return stamp


def _sealed(keys: Sequence[Key], payload: bytes) -> bytes:
    by_name = {key.fingerprint: key for key in keys}
    return seal(
        payload, list(by_name), lambda name, content: binary_signature(by_name[name], content)
    )


def _text(staged: Path) -> Path:
    found = [staged / name for name in _STAMPS if (staged / name).is_file()]
    if len(found) != 1:
        raise BadRequest(f"{staged} must hold one of {', '.join(_STAMPS)}")
    return found[0]
