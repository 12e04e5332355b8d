"""Checks for names that come from outside, made before one reaches a path or a command.

Package names, versions, project and branch names and file names arrive from Gerrit, from trees
under review and from archives: all of them are written by strangers. Each function returns the
name unchanged or raises :class:`workers.outcome.BadRequest` saying what is wrong with it. What is
allowed is listed; nothing is escaped or repaired.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from workers.outcome import BadRequest, ChangeFault

Check = Callable[[str], str]
"""One of the checks below."""

_LONGEST_NAME = 128
_LONGEST_PATH = 255
_SHOWN = 60

_WORD = "A-Za-z0-9"


def package_name(text: str) -> str:
    """A binary or source package's name, DEB or RPM (Debian policy 5.6.7; rpm's name tag)."""
    return _checked(
        "package name",
        text,
        rf"[{_WORD}][{_WORD}+._-]*",
        "letters, digits and + . _ -, starting with a letter or digit",
    )


def version(text: str) -> str:
    """A package's version as deb-version(7) or rpm-version(7) write it, epoch included."""
    return _checked(
        "version",
        text,
        rf"([0-9]{{1,9}}:)?[{_WORD}][{_WORD}.+~^_-]*",
        "letters, digits and . + ~ ^ _ -, with at most a number and a colon before",
    )


def identifier(text: str) -> str:
    """A name given by the operator or by Lockgate: a release, a queue, a test repository."""
    return _checked(
        "identifier",
        text,
        r"[a-z0-9][a-z0-9._-]*",
        "lower-case letters, digits and . _ -, starting with a letter or digit",
    )


def file_name(text: str) -> str:
    """One file's name, without any folder, as found in an archive or a control file."""
    return _checked(
        "file name",
        text,
        rf"[{_WORD}_][{_WORD}._+~^@=-]*",
        "letters, digits and . _ + ~ ^ @ = -, starting with a letter, digit or _",
        longest=_LONGEST_PATH,
    )


def project_name(text: str) -> str:
    """A Gerrit project's name; may be in folders (``group/name``)."""
    return _path("project name", text)


def branch_name(text: str) -> str:
    """A branch without ``refs/heads/`` (a narrower set than git-check-ref-format(1) allows)."""
    _path("branch name", text)
    if text.startswith("refs/"):
        raise _refusal("branch name", text, "give it without refs/heads/")
    if any(part.endswith((".lock", ".")) for part in text.split("/")):
        raise _refusal("branch name", text, "no part of it may end in '.lock' or '.'")
    return text


def checked_in(where: str, check: Check, text: str) -> str:
    """Check a name that stands in the change itself: a bad one is a ChangeFault.

    ``where`` says in which file it stands.
    """
    try:
        return check(text)
    except BadRequest as error:
        raise ChangeFault(f"{where}: {error.reason}") from error


def _path(kind: str, text: str) -> str:
    if text.startswith("/"):
        raise _refusal(kind, text, "it may not start with '/'")
    part = rf"[{_WORD}_][{_WORD}._+@=-]*"
    return _checked(
        kind,
        text,
        rf"{part}(/{part})*",
        "letters, digits and . _ + @ = -, in parts separated by single slashes",
        longest=_LONGEST_PATH,
    )


def _checked(
    kind: str, text: str, pattern: str, allowed: str, *, longest: int = _LONGEST_NAME
) -> str:
    if not text:
        raise _refusal(kind, text, "it is empty")
    if len(text) > longest:
        raise _refusal(kind, text, f"it is longer than {longest} characters")
    if ".." in text:
        raise _refusal(kind, text, "it may not contain '..'")
    if re.fullmatch(pattern, text) is None:
        raise _refusal(kind, text, f"allowed: {allowed}")
    return text


def _refusal(kind: str, text: str, why: str) -> BadRequest:
    # !a keeps terminal control sequences and newlines of the name out of logs and pages.
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    return BadRequest(f"{kind} {shown!a} is not allowed: {why}")
