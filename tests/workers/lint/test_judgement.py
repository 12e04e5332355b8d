"""Which remarks forbid a change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workers.lint.judgement import judge, read_overrides
from workers.lint.tags import Severity, Tag
from workers.outcome import ChangeFault

BAD = Tag(Severity.ERROR, "tool", "no-copyright-file", "")
POOR = Tag(Severity.WARNING, "tool-doc", "groff-message", "usr/share/man/man1/tool.1.gz: odd")
FOREIGN = Tag(Severity.ERROR, "tool", "initial-upload-closes-no-bugs", "")


def test_warnings_are_shown_and_do_not_forbid() -> None:
    answer = judge([POOR, FOREIGN], suppressed={FOREIGN.tag}, overrides=[])
    assert answer["tags"] == [
        {
            "severity": "warning",
            "package": "tool-doc",
            "tag": "groff-message",
            "text": "usr/share/man/man1/tool.1.gz: odd",
        }
    ]
    assert answer["counts"] == {"error": 0, "warning": 1, "info": 0, "overridden": 0}


def test_errors_forbid_and_come_first() -> None:
    with pytest.raises(ChangeFault) as caught:
        judge([POOR, BAD], suppressed=(), overrides=[])
    assert caught.value.reason == (
        "lint: one remark that forbids, the first: error: tool: no-copyright-file"
    )
    assert caught.value.detail == "error: tool: no-copyright-file"
    assert [tag["severity"] for tag in caught.value.facts["tags"]] == ["error", "warning"]
    assert caught.value.facts["counts"]["error"] == 1


def test_all_errors_are_counted() -> None:
    with pytest.raises(ChangeFault, match="2 remarks that forbid"):
        judge([BAD, BAD], suppressed=(), overrides=[])


@pytest.mark.parametrize(
    ("line", "accepted"),
    [
        ("groff-message", True),
        ("tool-doc: groff-message", True),
        ("tool-*: groff-message usr/share/man/*", True),
        ("tool: groff-message", False),
        ("groff-message usr/share/info/*", False),
        ("groff", False),
    ],
)
def test_overrides(line: str, accepted: bool) -> None:  # noqa: FBT001 - a test's parameter
    overrides = read_overrides(f"# why this is accepted\n\n{line}\n")
    judged = [replace(POOR, severity=Severity.ERROR)]
    if accepted:
        answer = judge(judged, suppressed=(), overrides=overrides)
        assert answer["tags"] == []
        assert answer["counts"]["overridden"] == 1
    else:
        with pytest.raises(ChangeFault):
            judge(judged, suppressed=(), overrides=overrides)


def test_overrides_that_are_none() -> None:
    with pytest.raises(ChangeFault, match="line 2 of the lint overrides is wrong"):
        read_overrides("no-url-tag\n: no-url-tag\n")
