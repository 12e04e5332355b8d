"""What may be signed, as far as the signer can tell by itself: what the master's record says.

A repository worker writes the statement on what it publishes. It is signed if it says no more
than the record, which comes from the master.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from workers.outcome import BadRequest
from workers.provenance import statement as statements
from workers.provenance.place import STATEMENT
from workers.repository.package import SHA256

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.provenance.record import Record


def check_statement(payload: bytes, record: Record | None, generation: str) -> None:
    """Raise BadRequest for a statement that is not the record's, on files it says were built."""
    if record is None:
        raise BadRequest(f"a {STATEMENT} is to be signed, and no package is published")
    told = statements.read(payload).subject
    subjects = {str(each.name): each.digest for each in told}
    if payload != statements.make(record, subjects, generation):
        raise BadRequest(f"{STATEMENT} says something else than the record of what is published")
    for path, digests in subjects.items():
        check_built(PurePosixPath(path).name, digests, record)


def check_built(name: str, digests: Mapping[str, str], record: Record) -> None:
    """Raise BadRequest for a file that is not the one of that name that was built.

    Signing an RPM package changes its SHA-256, and neither header nor payload.
    """
    built = record.built.get(name)
    if built is None:
        raise BadRequest(f"{name} is none of the files that were built, by the record")
    kept = {kind: of for kind, of in digests.items() if kind != SHA256} or digests
    if any(built.get(kind) != of for kind, of in kept.items()):
        raise BadRequest(f"{name} is another file than the one that was built, by the record")
