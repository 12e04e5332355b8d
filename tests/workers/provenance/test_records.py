"""A record must fit its file, be of this repository, and tell of what may be published."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.workers.provenance.conftest import Audited

_Change = dict[str, Any]


def _external(statement: _Change) -> _Change:
    found: _Change = statement["predicate"]["buildDefinition"]["externalParameters"]
    return found


def _never_merged(statement: _Change) -> None:
    del _external(statement)["merged"]


def _not_tested(statement: _Change) -> None:
    statement["predicate"]["lockgate_runs"] = []


def _tested_elsewhere(statement: _Change) -> None:
    statement["predicate"]["lockgate_runs"][0]["builder"] = "gate/main/another"


@pytest.mark.parametrize("package_format", ["deb"])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_never_merged, "change 12, patch set 3, never merged"),
        (_not_tested, "names no test that passed"),
        (_tested_elsewhere, "names no test that passed"),
    ],
)
def test_what_did_not_pass_the_gate_is_named(
    audited: Audited, change: Callable[[_Change], None], told: str
) -> None:
    audited.sign_record("1.1", change)
    (found,) = audited.findings()
    assert found.startswith(f"ungated: {audited.name('1.1')}: ")
    assert found.endswith(told)


@pytest.mark.parametrize("package_format", ["deb"])
def test_what_was_pushed_past_the_gate_is_counted(audited: Audited) -> None:
    def push(statement: _Change) -> None:
        del _external(statement)["change"], _external(statement)["merged"]
        statement["predicate"]["lockgate_approvals"] = []

    audited.sign_record("1.1", push)
    status, lines = audited.audit()
    assert status == 0
    assert ", 1 published past the gate, " in lines[-1]


def test_another_file_than_the_build_made_is_named(audited: Audited) -> None:
    def swap(statement: _Change) -> None:
        (made,) = statement["predicate"]["runDetails"]["byproducts"]
        name = sorted(made["digest"])[0]  # of an RPM package that of its header
        made["digest"][name] = "0" * 64

    audited.sign_record("1.1", swap)
    (found,) = audited.findings()
    assert "the build made another file of that name" in found


@pytest.mark.parametrize("package_format", ["rpm"])
def test_another_package_than_the_record_says_is_named(audited: Audited) -> None:
    """Whatever its SHA-256, which changes when it is signed."""

    def swap(statement: _Change) -> None:
        (made,) = statement["predicate"]["runDetails"]["byproducts"]
        for digests in (made["digest"], statement["subject"][0]["digest"]):
            digests["rpmPayloadSha256"] = "0" * 64

    audited.sign_record("1.1", swap)
    (found,) = audited.findings()
    assert found.endswith(f"it says that the file's rpmPayloadSha256 is {'0' * 64}")


@pytest.mark.parametrize("package_format", ["deb"])
def test_a_record_of_another_release_is_named(audited: Audited) -> None:
    assert audited.findings("--release", "main") == []
    assert len(audited.findings("--release", "stable")) == 2

    def move(statement: _Change) -> None:
        _external(statement)["release"] = "stable"
        for run in statement["predicate"]["lockgate_runs"]:
            run["builder"] = "gate/stable/demo"

    audited.sign_record("1.1", move)
    (found,) = audited.findings("--release", "main")
    assert found.endswith("it is of release stable, and the repository is of main")
    # They must agree, whichever it should be.
    assert len(audited.findings()) == 1


@pytest.mark.parametrize("package_format", ["deb"])
def test_programs_are_told_the_same(audited: Audited) -> None:
    audited.sign_record("1.1", _never_merged)
    status, (told,) = audited.audit("--json")
    report = json.loads(told)
    assert status == 1
    assert [each["problem"] for each in report.pop("findings")] == ["ungated"]
    assert report == {
        "generation": audited.stamps[0],
        "release": "main",
        "staged": [],
        "files": 2,
        "records": 2,
        "past_gate": 0,
    }
