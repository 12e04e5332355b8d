"""Events as Gerrit's stream would have sent them, from what REST answers. Pure.

The shape is Gerrit's own (Documentation/json); ``reconciled`` is ours.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from master.gerrit.models import AccountInfo, ChangeInfo

_SECONDS_END = len("2026-01-31 12:00:00")
_TIME = "%Y-%m-%d %H:%M:%S"


def patchset_created(change: ChangeInfo, url: str) -> dict[str, Any]:
    """The event for the current patch set of a change on the server at ``url``."""
    return {
        "type": "patchset-created",
        "uploader": account(change.current.uploader),
        **_about(change, url),
    }


def change_merged(change: ChangeInfo, url: str) -> dict[str, Any]:
    """The event for a merged change; the tip it led to is not known."""
    return {
        "type": "change-merged",
        "submitter": account(change.submitter),
        **_about(change, url),
    }


def ref_updated(
    project: str, branch: str, old: str, new: str, submitter: AccountInfo | None
) -> dict[str, Any]:
    """The event for a branch whose tip is another than it was."""
    event: dict[str, Any] = {
        "type": "ref-updated",
        "reconciled": True,
        "refUpdate": {
            "oldRev": old,
            "newRev": new,
            "refName": f"refs/heads/{branch}",
            "project": project,
        },
    }
    return event if submitter is None else event | {"submitter": account(submitter)}


def account(info: AccountInfo | None) -> dict[str, str]:
    """Somebody, as events name people."""
    if info is None:
        return {}
    fields = {"name": info.name, "email": info.email, "username": info.username}
    return {key: value for key, value in fields.items() if value is not None}


def seconds(text: str) -> int:
    """Gerrit's time, which is UTC, in seconds since the epoch."""
    moment = datetime.strptime(text[:_SECONDS_END], _TIME).replace(tzinfo=UTC)
    return int(moment.timestamp())


def timestamp(epoch: float) -> str:
    """A time for Gerrit's search language."""
    return datetime.fromtimestamp(epoch, UTC).strftime(_TIME)


def _about(change: ChangeInfo, url: str) -> dict[str, Any]:
    current = change.current
    commit = current.commit
    about: dict[str, Any] = {
        "project": change.project,
        "branch": change.branch,
        "id": change.change_id,
        "number": change.number,
        "subject": change.subject,
        "owner": account(change.owner),
        "url": f"{url}/c/{change.project}/+/{change.number}",
        "commitMessage": "" if commit is None else commit.message,
        "createdOn": seconds(change.created),
        "status": change.status,
    }
    if change.topic is not None:
        about["topic"] = change.topic
    if change.hashtags:
        about["hashtags"] = list(change.hashtags)
    if change.work_in_progress:
        about["wip"] = True
    if change.is_private:
        about["private"] = True
    return {
        "reconciled": True,
        "change": about,
        "patchSet": {
            "number": current.number,
            "revision": change.current_revision,
            "parents": [] if commit is None else [parent.commit for parent in commit.parents],
            "ref": current.ref,
            "uploader": account(current.uploader),
            "createdOn": seconds(current.created),
            "kind": current.kind,
        },
        "project": change.project,
        "refName": f"refs/heads/{change.branch}",
        "changeKey": {"id": change.change_id},
    }
