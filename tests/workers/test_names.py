"""Names from outside: what is allowed passes unchanged, everything else is refused."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers import names
from workers.outcome import BadRequest, ChangeFault

_CHECKS = [
    names.package_name,
    names.version,
    names.project_name,
    names.branch_name,
    names.identifier,
    names.file_name,
]
_HARMLESS = set(string.ascii_letters + string.digits + "._+~^@=:/-")


@pytest.mark.parametrize("check", _CHECKS)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "-rf",
        "--option",
        "..",
        "a..b",
        "../etc/passwd",
        "a/../b",
        "/etc/passwd",
        "a\n",
        "a\nb",
        "a\0b",
        "a b",
        "a;b",
        "a|b",
        "a&b",
        "$(id)",
        "`id`",
        "a'b",
        'a"b',
        "a\\b",
        "a*b",
        "a?b",
        "a<b",
        "a>b",
        "a\u2028b",
        "ａ",  # noqa: RUF001 - a letter that is not ASCII's
        "٣",
        "a" * 300,
    ],
)
def test_dangerous_text_is_no_name(check: names.Check, text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        check(text)
    assert caught.value.reason.isprintable()
    assert len(caught.value.reason) < 300


@pytest.mark.parametrize("check", _CHECKS)
@given(text=st.text())
def test_what_passes_is_unchanged_and_harmless(check: names.Check, text: str) -> None:
    try:
        assert check(text) == text
    except BadRequest:
        return
    assert set(text) <= _HARMLESS
    assert ".." not in text
    assert not text.startswith(("-", "/", "."))
    assert "/" not in text or check in {names.project_name, names.branch_name}


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (names.package_name, "libstdc++6"),
        (names.package_name, "python3.11"),
        (names.package_name, "gcc-c++"),
        (names.package_name, "NetworkManager"),
        (names.version, "1:2.36-9+deb12u14"),
        (names.version, "2.10~rc1-3"),
        (names.version, "1.0^20240101git1234567"),
        (names.project_name, "platform/tools/repo"),
        (names.project_name, "greet"),
        (names.branch_name, "stable/7.0"),
        (names.branch_name, "main"),
        (names.identifier, "release-7.0"),
        (names.file_name, "greet_1.0-2_amd64.deb"),
        (names.file_name, "count-1.2-1.lg7.x86_64.rpm"),
        (names.file_name, "service@.socket"),
    ],
)
def test_usual_names_pass(check: names.Check, text: str) -> None:
    assert check(text) == text


@pytest.mark.parametrize("text", ["refs/heads/main", "a.lock", "a.lock/b", "a//b", "a/", "a."])
def test_what_git_refuses_is_no_branch(text: str) -> None:
    with pytest.raises(BadRequest):
        names.branch_name(text)


def test_reason_names_kind_and_text() -> None:
    with pytest.raises(BadRequest, match=r"version '1\\n2' is not allowed: allowed: letters"):
        names.version("1\n2")


def test_a_bad_name_in_the_change_is_the_changes_fault() -> None:
    with pytest.raises(ChangeFault, match=r"debian/control: package name '\.\./x' is not allowed"):
        names.checked_in("debian/control", names.package_name, "../x")
