"""What Gerrit's answers mean, without a Gerrit."""

from __future__ import annotations

from typing import Any

import pytest

from master.gerrit.facts import ChangeReference, Parent, change_facts, depends_on
from master.gerrit.models import ChangeInfo, RelatedChange

URL = "https://review.example.com/r"
A, B, C = "a" * 40, "b" * 40, "c" * 40
ID = "I" + "1" * 40


def requirement(name: str, status: str, expression: str = "", **atoms: list[str]) -> dict[str, Any]:
    result = {"expression": expression, "fulfilled": status == "SATISFIED", **atoms}
    return {"name": name, "status": status, "submittability_expression_result": result}


VERIFIED = "label:Verified=MAX,user=lockgate"
NOT_REJECTED = "label:Verified=MIN"
WAITING_FOR_GATE = requirement(
    "Verified",
    "UNSATISFIED",
    f"{VERIFIED} AND -{NOT_REJECTED}",
    passing_atoms=[],
    failing_atoms=[VERIFIED, NOT_REJECTED],
)
REVIEWED = requirement("Code-Review", "SATISFIED", "label:Code-Review=MAX")


def change(*requirements: dict[str, Any], message: str = "", **fields: Any) -> ChangeInfo:
    return ChangeInfo.model_validate(
        {
            "_number": 7,
            "change_id": ID,
            "project": "p",
            "branch": "main",
            "subject": "s",
            "status": "NEW",
            "current_revision": A,
            "revisions": {
                A: {
                    "_number": 3,
                    "ref": "refs/changes/07/7/3",
                    "commit": {"parents": [{"commit": B}], "message": message},
                }
            },
            "submit_requirements": list(requirements),
            **fields,
        }
    )


def facts(info: ChangeInfo, *related: RelatedChange) -> Any:
    return change_facts(info, label="Verified", url=URL, related=related)


@pytest.mark.parametrize(
    ("requirements", "missing"),
    [
        ([REVIEWED, WAITING_FOR_GATE], ()),
        ([REVIEWED, requirement("Verified", "SATISFIED")], ()),
        ([requirement("Code-Review", "UNSATISFIED"), WAITING_FOR_GATE], ("Code-Review",)),
        ([requirement("A", "OVERRIDDEN"), requirement("B", "NOT_APPLICABLE")], ()),
        ([requirement("Broken", "ERROR", VERIFIED, failing_atoms=[VERIFIED])], ("Broken",)),
        # Another label whose name only begins like ours.
        (
            [
                requirement(
                    "V",
                    "UNSATISFIED",
                    "label:Verified-By-Hand=MAX",
                    failing_atoms=["label:Verified-By-Hand=MAX"],
                )
            ],
            ("V",),
        ),
        # One expression about ours and another label: what is not ours must hold.
        (
            [
                requirement(
                    "Both",
                    "UNSATISFIED",
                    "label:Verified=MAX AND label:Code-Review=MAX AND -label:Code-Review=MIN",
                    passing_atoms=["label:Code-Review=MAX"],
                    failing_atoms=["label:Verified=MAX", "label:Code-Review=MIN"],
                )
            ],
            (),
        ),
        (
            [
                requirement(
                    "Both",
                    "UNSATISFIED",
                    "label:Verified=MAX AND label:Code-Review=MAX",
                    failing_atoms=["label:Verified=MAX", "label:Code-Review=MAX"],
                )
            ],
            ("Both",),
        ),
        (
            [
                requirement(
                    "Both",
                    "UNSATISFIED",
                    "label:Verified=MAX AND -label:Code-Review=MIN",
                    passing_atoms=["label:Code-Review=MIN"],
                    failing_atoms=["label:Verified=MAX"],
                )
            ],
            ("Both",),
        ),
        # What is not a plain conjunction is not guessed at.
        (
            [
                requirement(
                    "Either",
                    "UNSATISFIED",
                    "label:Verified=MAX AND (label:A=MAX OR label:B=MAX)",
                    passing_atoms=["label:A=MAX"],
                    failing_atoms=["label:Verified=MAX", "label:B=MAX"],
                )
            ],
            ("Either",),
        ),
    ],
)
def test_approved_means_that_only_the_gates_own_vote_is_missing(
    requirements: list[dict[str, Any]], missing: tuple[str, ...]
) -> None:
    found = facts(change(*requirements))
    assert found.missing == missing
    assert found.approved == (not missing)


@pytest.mark.parametrize(
    "fields", [{"work_in_progress": True}, {"status": "MERGED"}, {"status": "ABANDONED"}]
)
def test_a_change_that_is_not_up_for_merging_is_not_approved(fields: dict[str, Any]) -> None:
    assert not facts(change(REVIEWED, WAITING_FOR_GATE, **fields)).approved


def test_a_change_without_requirements_told_is_identified_exactly() -> None:
    found = facts(change(topic="t"))
    assert (found.number, found.patchset, found.revision) == (7, 3, A)
    assert (found.project, found.branch) == ("p", "main")
    assert found.topic == "t"


def related(commit: str, **fields: Any) -> RelatedChange:
    return RelatedChange.model_validate({"project": "p", "commit": {"commit": commit}, **fields})


def test_parents_are_the_open_changes_this_patch_set_is_built_upon() -> None:
    parent = {"_change_number": 5, "_revision_number": 1, "_current_revision_number": 2}
    itself = related(A, _change_number=7, _revision_number=3, _current_revision_number=3)
    grandparent = related(C, status="NEW", **(parent | {"_change_number": 4}))
    found = facts(change(), itself, related(B, status="NEW", **parent), grandparent)
    assert found.parents == (Parent(number=5, patchset=1, current=False, status="NEW"),)
    assert facts(change(), itself, related(B, status="MERGED", **parent)).parents == ()
    assert facts(change(), itself, related(B)).parents == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Depends-On: 12", ChangeReference(number=12)),
        ("depends-on:12  ", ChangeReference(number=12)),
        (f"Depends-On: {ID}", ChangeReference(change_id=ID)),
        (f"Depends-On: {URL}/12", ChangeReference(number=12)),
        (f"Depends-On: {URL}/c/some/project/+/12", ChangeReference(number=12)),
        (f"Depends-On: {URL}/c/some/project/+/12/3", ChangeReference(number=12)),
        (f"Depends-On: {URL}/#/c/12/", ChangeReference(number=12)),
        (f"Depends-On: {URL}/c/12?tab=comments", ChangeReference(number=12)),
        (f"Depends-On: {URL}/q/{ID}", ChangeReference(change_id=ID)),
        ("Depends-On: http://review.example.com/r/12", ChangeReference(number=12)),
        ("Depends-On: https://elsewhere.example.com/r/12", None),
        ("Depends-On: https://review.example.com/other/12", None),
        ("Depends-On: https://[broken/12", None),
        ("Depends-On: ftp://review.example.com/r/12", None),
        ("Depends-On: 0", None),
        ("Depends-On: 12 and 13", None),
        ("Depends-On: ../../12", None),
        ("Depends-On: I12", None),
        ("Depends-On:", None),
        ("  Depends-On: 12", None),
        ("See Depends-On: 12", None),
    ],
)
def test_depends_on_names_a_change_of_this_server_or_nothing(
    line: str, expected: ChangeReference | None
) -> None:
    message = f"Subject\n\nBody.\n\n{line}\nChange-Id: {ID}\n"
    assert depends_on(message, URL) == (() if expected is None else (expected,))


def test_several_dependencies_keep_their_order_and_are_named_once() -> None:
    message = f"Depends-On: 1\n\nDepends-On: 3\nDepends-On: {ID}\nDepends-On: {URL}/3\n"
    assert depends_on(message, URL) == (ChangeReference(number=3), ChangeReference(change_id=ID))
    assert [reference.query for reference in depends_on(message, URL)] == [
        "change:3",
        f"change:{ID}",
    ]


def test_the_message_of_a_change_gives_its_dependencies() -> None:
    assert facts(change(message="S\n\nDepends-On: 2\n")).depends_on == (ChangeReference(number=2),)
