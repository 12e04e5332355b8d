"""Kinds of names a site file may hold, as pydantic types; the checks are the workers' own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from workers import names
from workers.outcome import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable


def _checked(check: Callable[[str], str]) -> AfterValidator:
    def validate(text: str) -> str:
        try:
            return check(text)
        except BadRequest as error:
            raise ValueError(error.reason) from error

    return AfterValidator(validate)


def _url(*schemes: str) -> AfterValidator:
    def validate(text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in schemes or not parts.hostname:
            raise ValueError(f"expected a URL starting with {' or '.join(schemes)}://HOST")
        if parts.password:
            raise ValueError("a password does not belong into a URL; name a secret instead")
        return text.rstrip("/")

    return AfterValidator(validate)


def _fingerprint(text: str) -> str:
    if re.fullmatch(r"[0-9A-F]{40}", text) is None:
        raise ValueError("expected a key's fingerprint: 40 digits 0-9 A-F, without blanks")
    return text


Identifier = Annotated[str, _checked(names.identifier)]
PackageName = Annotated[str, _checked(names.package_name)]
ProjectName = Annotated[str, _checked(names.project_name)]
BranchName = Annotated[str, _checked(names.branch_name)]
Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
FileName = Annotated[str, _checked(names.file_name)]
HttpUrl = Annotated[str, _url("http", "https")]
MirrorUrl = Annotated[str, _url("rsync", "ssh")]
