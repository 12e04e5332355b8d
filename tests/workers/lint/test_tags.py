"""What the linters print."""

from __future__ import annotations

from workers.lint.tags import Severity, Tag, read_lintian, read_rpmlint


def test_lintian() -> None:
    printed = (
        "running with root privileges is not recommended!\n"
        "E: hello: no-copyright-file\n"
        "W: hello source: national-encoding [debian/man/de/sl.6]\n"
        "N: 0 hints overridden\n"
    )
    assert read_lintian(printed) == [
        Tag(Severity.ERROR, "hello", "no-copyright-file", ""),
        Tag(Severity.WARNING, "hello source", "national-encoding", "[debian/man/de/sl.6]"),
    ]


def test_rpmlint() -> None:
    printed = (
        "============ rpmlint session starts ============\n"
        "rpmlint: 2.4.0\n"
        "tree.x86_64: W: no-url-tag\n"
        "tree.spec:12: E: specfile-error warning: line 12: bad\n"
        " 2 packages and 0 specfiles checked; 10 errors, 11 warnings\n"
    )
    assert read_rpmlint(printed) == [
        Tag(Severity.WARNING, "tree.x86_64", "no-url-tag", ""),
        Tag(Severity.ERROR, "tree.spec", "specfile-error", "warning: line 12: bad"),
    ]
