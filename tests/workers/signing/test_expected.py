"""A statement is signed if it says what the master's record says, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.workers.repository.programs import RECORD, Outcome, program, refused, succeeded
from workers.provenance.record import Record
from workers.provenance.statement import make

if TYPE_CHECKING:
    from pathlib import Path

_STAMP = "20260101T000000.000000Z"
_BUILT, _OTHER = "a" * 64, "b" * 64
_RECORD = RECORD | {"built": {"demo_1.0-1_all.deb": {"sha256": _BUILT}}}
_FORGED_VOTE = {"approvals": [{"who": "Nobody", "label": "Code-Review", "value": 2}]}


def _statement(
    record: dict[str, Any], stamp: str = _STAMP, name: str = "demo_1.0-1_all", sha256: str = _BUILT
) -> bytes:
    subjects = {f"pool/main/d/demo/{name}.deb": {"sha256": sha256}}
    return make(Record.model_validate(record), subjects, stamp)


def _sign(home: Path, folder: Path, statement: bytes, record: dict[str, Any] | None) -> Outcome:
    who = ("--name", "A signer", "--email", "signer@example.org")
    made = program("sign", "keys", "make", "--home", home, "--kind", "deb", *who)
    staged, out, told = folder / "staged", folder / "out", folder / "record.json"
    staged.mkdir()
    (staged / "Release").write_text(f"X-Lockgate-Generation: {_STAMP}\n")
    (staged / "statement.json").write_bytes(statement)
    told.write_text(json.dumps(record))
    outcome = program(
        *("sign", "metadata", "--home", home, "--key", succeeded(made)["fingerprint"]),
        *("--repository", "main/deb", "--build", "1", "--requester", "Ann"),
        *("--staged", staged, "--out", out, *(("--record", told) if record else ())),
    )
    assert out.exists() == (outcome.status == 0)
    assert (home / "signed.log").exists() == (outcome.status == 0)
    return outcome


def test_what_the_record_says_is_signed(home: Path, tmp_path: Path) -> None:
    outcome = _sign(home, tmp_path, _statement(_RECORD), _RECORD)
    assert "statement.dsse.json" in succeeded(outcome)["files"]
    lines = [json.loads(line) for line in (home / "signed.log").read_text().splitlines()]
    assert [line["what"] for line in lines] == ["Release", "statement.json"]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (_statement(_RECORD | _FORGED_VOTE), "something else than the record"),
        (_statement(_RECORD | {"change": None}), "something else than the record"),
        (_statement(_RECORD, stamp="20260102T000000.000000Z"), "something else than the record"),
        (_statement(_RECORD).replace(b'"demo"', b'"Demo"'), "something else than the record"),
        (_statement(_RECORD, name="evil_1.0-1_all"), "is none of the files that were built"),
        (_statement(_RECORD, sha256=_OTHER), "is another file than the one that was built"),
        (b"{}", "no statement of Lockgate's"),
    ],
    ids=["vote", "change", "generation", "package", "stranger", "content", "nonsense"],
)
def test_a_forged_statement_is_not(home: Path, tmp_path: Path, statement: bytes, told: str) -> None:
    assert told in refused(_sign(home, tmp_path, statement, _RECORD), 2)


def test_no_statement_is_signed_where_no_package_is_published(home: Path, tmp_path: Path) -> None:
    reason = refused(_sign(home, tmp_path, _statement(_RECORD), None), 2)
    assert "no package is published" in reason
