"""What is said and voted after a check, from the builds' results alone."""

from __future__ import annotations

from typing import Any

import pytest
from buildbot.process.results import CANCELLED, EXCEPTION, FAILURE, SUCCESS, WARNINGS

from master.gerrit.messages import (
    PackageResult,
    check_message,
    check_vote,
    is_report_of,
    package_result,
)

_GERRITS_LIMIT = 16384
REAL = {"stage": "lint", "reason": "two errors", "infrastructure": False}
BROKEN = {"stage": "install-test", "reason": "disk is full", "infrastructure": True}
# What a triggered build leaves that ended without a word.
UNKNOWN = {"stage": "install-test/main/one", "reason": "ended without a reason", "detail": ""}


def result(
    results: int, *failures: dict[str, Any], name: str = "one", **properties: Any
) -> PackageResult:
    if failures:
        properties["failures"] = list(failures)
    return package_result(f"check/main/{name}", f"http://ci/{name}", results, properties)


@pytest.mark.parametrize(
    ("results", "failures", "outcome", "vote"),
    [
        (SUCCESS, [], "passed", 1),
        (WARNINGS, [], "passed", 1),
        (FAILURE, [REAL], "failed", -1),
        (FAILURE, [], "failed", -1),
        (EXCEPTION, [BROKEN], "infrastructure", None),
        (EXCEPTION, [UNKNOWN], "infrastructure", None),
        (EXCEPTION, [], "infrastructure", None),
        # One failure of the change's own is enough, whatever else broke or was stopped.
        (EXCEPTION, [REAL, BROKEN], "failed", -1),
        (EXCEPTION, [BROKEN, REAL], "failed", -1),
        (EXCEPTION, [REAL, UNKNOWN], "failed", -1),
        (CANCELLED, [REAL, UNKNOWN], "failed", -1),
        (CANCELLED, [], "stopped", None),
        (CANCELLED, [UNKNOWN], "stopped", None),
    ],
)
def test_only_the_changes_own_fault_votes_against_it(
    results: int, failures: list[dict[str, Any]], outcome: str, vote: int | None
) -> None:
    judged = result(results, *failures)
    assert judged.outcome == outcome
    assert check_vote([judged]) == vote


def test_a_failure_of_the_check_build_itself_is_judged_too() -> None:
    assert result(FAILURE, failure=REAL).outcome == "failed"
    assert result(EXCEPTION, failure=BROKEN).outcome == "infrastructure"


def test_the_worst_package_decides() -> None:
    passed, failed = result(SUCCESS, name="one"), result(FAILURE, REAL, name="two")
    broken, stopped = result(EXCEPTION, BROKEN, name="three"), result(CANCELLED, name="four")
    assert check_vote([passed, passed]) == 1
    assert check_vote([passed, failed, broken, stopped]) == -1
    assert check_vote([passed, broken]) is None
    assert check_vote([passed, stopped]) is None


def test_the_message_tells_each_package_with_its_failures_and_addresses() -> None:
    passed = result(SUCCESS, name="one", test_repository_url="http://ci/test/one")
    failed = result(EXCEPTION, REAL, BROKEN, name="two")
    assert check_message([passed, failed]).split("\n\n") == [
        "Check failed.",
        "PASSED check/main/one\nhttp://ci/one",
        "Test repository: http://ci/test/one",
        "FAILED check/main/two\nhttp://ci/two",
        "lint: two errors",
        "install-test: disk is full",
    ]


@pytest.mark.parametrize(
    ("judged", "heading"),
    [
        (result(EXCEPTION, BROKEN), "the infrastructure failed, not this change"),
        (result(CANCELLED, UNKNOWN), "stopped by hand"),
    ],
)
def test_what_is_no_verdict_says_so_and_how_to_start_it_again(
    judged: PackageResult, heading: str
) -> None:
    first = check_message([judged]).partition("\n")[0]
    assert heading in first
    assert 'Comment "recheck"' in first


def test_a_stopped_check_tells_no_failures_of_what_it_stopped() -> None:
    assert "ended without a reason" not in check_message([result(CANCELLED, UNKNOWN)])


def test_gerrit_takes_the_message_however_much_went_wrong() -> None:
    long = {"stage": "lint", "reason": "r" * 5000, "detail": "d" * 5000, "infrastructure": False}
    packages = [result(FAILURE, long, long, name=f"package-{n}") for n in range(8)]
    assert len(check_message(packages)) < _GERRITS_LIMIT


def test_a_message_is_known_by_the_builds_it_tells_of() -> None:
    one, two = result(SUCCESS, name="one"), result(SUCCESS, name="two")
    twelfth = PackageResult(two.builder, two.url + "2", "passed")
    message = f"Patch Set 1: Verified+1\n\n{check_message([one, two])}"
    assert is_report_of(message, [one, two])
    assert not is_report_of(message, [one, twelfth])
    assert not is_report_of(f"Patch Set 1: Verified+1\n\n{check_message([one, twelfth])}", [two])
