"""What a publish build knows becomes a record that the publishing program takes."""

from __future__ import annotations

from typing import Any

from steps.record import record_of
from workers.provenance.record import Record

_RUN = {
    "builder": "publish/main/hello",
    "url": "https://gate.example.org/#/builders/1/builds/2",
    "result": "running",
    "started": "2026-01-02T03:04:05Z",
    "finished": None,
}
_TREE, _COMMIT = "1" * 40, "2" * 40


def _properties(**more: Any) -> dict[str, Any]:
    inputs = {
        "package_format": "deb",
        "trees": {"source": _TREE},
        "root": "0123",
        "dependencies": [],
        "options": {},
        "key": "3" * 64,
    }
    project = {"name": "hello", "url": "https://gerrit.example.org/hello", "branch": "main"}
    return {
        "release": "main",
        "package": "hello",
        "merge_request": {"projects": [project]},
        "state": {"projects": {"hello": {"commit": _COMMIT, "tree": _TREE}, "other": {}}},
        "built": {"inputs": inputs, "files": {"hello_1_amd64.deb": "4" * 64}},
        **more,
    }


def test_what_the_gate_merged() -> None:
    change = {"change": 7, "patchset": 2, "revision": "5" * 40, "change_url": "https://g/7"}
    votes = [{"who": "Ann", "label": "Code-Review", "value": 2}]
    merged = {"project": "hello", "commit": _COMMIT, "tree": _TREE}
    properties = _properties(
        **change, approvals=votes, merged=merged, comparison={"same": True, "outcome": "success"}
    )
    record = Record.model_validate(record_of(properties, [_RUN], _RUN))
    assert record.change is not None
    assert (record.change.number, record.change.patchset) == (7, 2)
    assert record.merged is not None
    assert record.merged.as_tested
    assert [source.project for source in record.sources] == ["hello"]
    assert record.approvals[0].who == "Ann"
    assert record.built == {"hello_1_amd64.deb": {"sha256": "4" * 64}}


def test_an_rpm_package_is_known_by_what_its_signing_keeps() -> None:
    kept = {"rpmHeaderSha256": "6" * 64, "rpmPayloadSha256": "7" * 64}
    properties = _properties()
    properties["built"] |= {"files": {"a.rpm": "4" * 64}, "identities": {"a.rpm": kept}}
    record = Record.model_validate(record_of(properties, [], _RUN))
    assert record.built == {"a.rpm": {"sha256": "4" * 64, **kept}}


def test_what_was_pushed_past_the_gate() -> None:
    record = Record.model_validate(record_of(_properties(), [], _RUN))
    assert (record.change, record.merged, record.approvals) == (None, None, [])
