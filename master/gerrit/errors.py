"""What can go wrong when Gerrit is asked for something."""

from __future__ import annotations


class GerritError(Exception):
    """Gerrit did not do what it was asked; the text is one line for a person."""


class GerritUnreachable(GerritError):  # noqa: N818 - named for what is the case
    """No usable answer: no connection, none in time, or a failure of the server (5xx).

    The same request may work later; whether it had an effect is not known.
    """


class GerritRefused(GerritError):  # noqa: N818
    """Gerrit understood the request and refuses it (4xx): asking again does not help."""

    def __init__(self, status: int, text: str, request: str) -> None:
        super().__init__(f"Gerrit refuses {request}: {text} ({status})")
        self.status = status
        self.text = text


class GerritCredentialsRefused(GerritRefused):
    """The password is wrong (401), or the account has no right to do this (403)."""


class GerritNotFound(GerritRefused):
    """There is no such change, revision, project or branch, or the account may not see it (404)."""


class GerritConflict(GerritRefused):
    """The present state forbids it (409): not submittable, not current, merged already."""


_REFUSALS = {
    401: GerritCredentialsRefused,
    403: GerritCredentialsRefused,
    404: GerritNotFound,
    409: GerritConflict,
}


def refusal(status: int, text: str, request: str) -> GerritRefused:
    """The error for an answer that is neither success nor a failure of the server."""
    return _REFUSALS.get(status, GerritRefused)(status, text, request)
