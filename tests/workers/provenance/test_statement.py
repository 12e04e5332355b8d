"""Statements are what in-toto and SLSA say they are, and envelopes what DSSE says."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement

from tests.workers.repository.programs import RECORD
from workers.outcome import BadRequest
from workers.provenance import statement as statements
from workers.provenance.envelope import seal, unsigned
from workers.provenance.record import Record

if TYPE_CHECKING:
    from tests.workers.provenance.conftest import Audited

_PATH = "pool/main/d/demo/demo_1.0-1_all.deb"


def _made(**changes: Any) -> bytes:
    record = Record.model_validate(RECORD | changes)
    return statements.make(record, {_PATH: {"sha256": "a" * 64}}, "20260102T030405.000000Z")


def test_others_read_it(audited: Audited) -> None:
    """What was published is what in-toto's own library reads; it knows no field of ours."""
    envelope = json.loads(audited.record("1.1").read_bytes())
    parsed = json_format.Parse(b64decode(envelope["payload"]), statement_pb2.Statement())
    Statement.copy_from_pb(parsed).validate()
    assert parsed.predicate_type == "https://slsa.dev/provenance/v1"
    predicate = json_format.MessageToDict(parsed.predicate)
    theirs = {name: of for name, of in predicate.items() if not name.startswith("lockgate_")}
    provenance = json_format.ParseDict(theirs, provenance_pb2.Provenance())
    assert provenance.run_details.builder.id.startswith("urn:lockgate:builder:")
    assert provenance.run_details.metadata.started_on.seconds > 0


def test_who_built_is_told_and_who_published() -> None:
    def run(job: str, number: int) -> dict[str, str]:
        url = f"https://gate.example.org/#/builders/1/builds/{number}"
        times = {"started": f"2026-01-02T0{number}:00:00Z", "finished": "2026-01-02T09:00:00Z"}
        return {"builder": f"{job}/main/demo", "url": url, "result": "success", **times}

    jobs = ("check", "build", "gate", "build", "lint")
    runs = [run(job, number) for number, job in enumerate(jobs)]
    made = json.loads(_made(runs=runs))["predicate"]
    assert made["runDetails"]["builder"] == {"id": "urn:lockgate:builder:build/main/demo"}
    assert made["runDetails"]["metadata"] == {
        "invocationId": runs[3]["url"],
        "startedOn": runs[3]["started"],
        "finishedOn": runs[3]["finished"],
    }
    assert made["lockgate_publisher"]["builder"] == "publish/main/demo"
    assert made["buildDefinition"]["externalParameters"]["merged"]["asTested"] is True


def test_the_names_are_those_of_the_standards() -> None:
    made = json.loads(_made())
    assert made["_type"] == "https://in-toto.io/Statement/v1"
    assert made["predicateType"] == "https://slsa.dev/provenance/v1"
    assert made["subject"] == [{"name": _PATH, "digest": {"sha256": "a" * 64}}]
    definition, run = made["predicate"]["buildDefinition"], made["predicate"]["runDetails"]
    assert set(definition) == {
        *("buildType", "externalParameters", "internalParameters", "resolvedDependencies")
    }
    assert definition["resolvedDependencies"][0] == {
        "name": "demo",
        "uri": "git+https://gerrit.example.org/demo@refs/heads/main",
        "digest": {"gitCommit": "2" * 40, "gitTree": "3" * 40},
    }
    assert set(run) == {"builder", "metadata", "byproducts"}
    own = set(made["predicate"]) - {"buildDefinition", "runDetails"}
    assert all(name.startswith("lockgate_") for name in own)


@pytest.mark.parametrize("changes", [{}, {"change": None, "merged": None, "approvals": []}])
def test_it_is_read_back_as_it_was_made(changes: dict[str, Any]) -> None:
    made = _made(**changes)
    read = statements.read(made)
    assert read.model_dump_json(by_alias=True, exclude_none=True).encode() == made
    assert read.sha256_of(_PATH) == "a" * 64
    assert read.contradiction() is None


def test_a_contradiction_is_told() -> None:
    merged = RECORD["merged"] | {"tree": "9" * 40}
    assert "names another as built" in (statements.read(_made(merged=merged)).contradiction() or "")


def test_anything_else_is_refused() -> None:
    other = json.loads(_made()) | {"predicateType": "https://example.org/other"}
    with pytest.raises(BadRequest, match="predicateType"):
        statements.read(json.dumps(other).encode())


def test_the_signed_bytes_are_those_of_the_protocol() -> None:
    asked: list[tuple[str, bytes]] = []

    def sign(key: str, content: bytes) -> bytes:
        asked.append((key, content))
        return b"signature"

    sealed = seal(b"hello world", ["KEY"], sign)
    # The example of DSSE's protocol document, with this payload's type.
    assert asked == [("KEY", b"DSSEv1 28 application/vnd.in-toto+json 11 hello world")]
    envelope = json.loads(sealed)
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert b64decode(envelope["payload"]) == unsigned(sealed) == b"hello world"
    assert envelope["signatures"] == [{"keyid": "KEY", "sig": "c2lnbmF0dXJl"}]
