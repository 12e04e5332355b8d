"""Signing the text that a generation is committed with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workers.files import sha256_of, write
from workers.outcome import BadRequest
from workers.provenance.envelope import seal
from workers.provenance.place import ENVELOPE, STATEMENT
from workers.provenance.statement import read
from workers.signing.log import last_recorded, record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from workers.signing.gnupg import Home, Key

_RELEASE, _REPOMD = "Release", "repomd.xml"
_STAMPS = {
    _RELEASE: re.compile(rb"^X-Lockgate-Generation: (\S+)$", re.MULTILINE),
    _REPOMD: re.compile(rb"<revision>([^<]*)</revision>"),
}


def sign_metadata(
    home: Home, keys: Sequence[Key], staged: Path, out: Path, why: Mapping[str, str]
) -> list[str]:
    """Sign the one text in a folder, and the statement on what it publishes if there is one.

    Answers the names of the signed files made in another folder.

    What is signed is in the log, with ``why`` (build, requester, repository), before a signature
    exists. Raises BadRequest for a generation older than the newest that was signed for the
    repository: nobody is to present it as new.
    """
    text = _text(staged)
    content = text.read_bytes()
    found = _STAMPS[text.name].search(content)
    if found is None:
        raise BadRequest(f"{text} names no generation")
    stamp = found[1].decode(errors="replace")
    last = last_recorded(home.path, what=text.name, repository=why["repository"])
    if last is not None and stamp < last["generation"]:
        raise BadRequest(f"generation {stamp} is older than {last['generation']}, signed before")
    names = ",".join(key.fingerprint for key in keys)
    facts = {"what": text.name, "generation": stamp, "sha256": sha256_of(content), "key": names}
    record(home.path, **facts, **why)
    made = {}
    if text.name == _RELEASE:
        made["InRelease"] = home.clear_sign(keys, content)
        made["Release.gpg"] = home.detached_signature(keys, content)
    else:
        made["repomd.xml.asc"] = home.detached_signature(keys, content)
    statement = staged / STATEMENT
    if statement.is_file():
        made[ENVELOPE] = _sealed(home, keys, statement.read_bytes(), stamp, why)
    for name, signature in made.items():
        write(out / name, signature)
    return sorted(made)


def _sealed(
    home: Home, keys: Sequence[Key], payload: bytes, stamp: str, why: Mapping[str, str]
) -> bytes:
    if read(payload).predicate.generation != stamp:
        raise BadRequest(f"{STATEMENT} is of another generation than {stamp}")
    by_name = {key.fingerprint: key for key in keys}
    facts = {"what": STATEMENT, "generation": stamp, "sha256": sha256_of(payload)}
    record(home.path, **facts, key=",".join(by_name), **why)
    return seal(
        payload, list(by_name), lambda name, content: home.binary_signature(by_name[name], content)
    )


def _text(staged: Path) -> Path:
    found = [staged / name for name in _STAMPS if (staged / name).is_file()]
    if len(found) != 1:
        raise BadRequest(f"{staged} must hold one of {', '.join(_STAMPS)}")
    return found[0]
