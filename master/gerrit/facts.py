"""What Gerrit's answers mean for the gate. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from master.gerrit.models import (
        AccountInfo,
        ChangeInfo,
        ChangeStatus,
        RelatedChange,
        SubmitRequirement,
    )

_HOLDS = frozenset({"SATISFIED", "OVERRIDDEN", "NOT_APPLICABLE", "FORCED"})
_CHANGE_ID = r"I[0-9a-f]{40}"
_NUMBER = r"[1-9][0-9]{0,9}"
_DEPENDS_ON = re.compile(r"^depends-on:[ \t]*(\S+)[ \t]*$", re.IGNORECASE | re.MULTILINE)
# The forms of a change's address that Gerrit has used, after the server's own part.
_ADDRESS = re.compile(
    rf"^/(?:#/)?(?:c/(?:[^?#]+/\+/)?|q/)?(?P<number>{_NUMBER})(?:/[0-9./]*)?$"
    rf"|^/(?:#/)?q/(?P<change_id>{_CHANGE_ID})/?$"
)


@dataclass(frozen=True)
class ChangeReference:
    """A change as a ``Depends-On`` footer names it: by number or by Change-Id, never both."""

    number: int | None = None
    change_id: str | None = None

    @property
    def query(self) -> str:
        """A search that finds it."""
        return f"change:{self.number or self.change_id}"


@dataclass(frozen=True)
class Parent:
    """A change this one is built upon in git."""

    number: int
    patchset: int  # the one it is built upon
    current: bool  # whether that is the parent's current patch set
    status: ChangeStatus


@dataclass(frozen=True)
class ChangeFacts:
    """A change's current patch set, as far as a decision about it needs."""

    project: str
    branch: str
    number: int
    patchset: int
    revision: str
    status: ChangeStatus
    work_in_progress: bool
    topic: str | None
    parents: tuple[Parent, ...]  # merged ones are none any more
    depends_on: tuple[ChangeReference, ...]
    missing: tuple[str, ...]  # names of submit requirements that do not hold

    @property
    def approved(self) -> bool:
        """Whether only the gate's own vote is missing for it to be submitted."""
        return self.status == "NEW" and not self.work_in_progress and not self.missing


def change_facts(
    change: ChangeInfo,
    *,
    label: str,
    url: str,
    related: Iterable[RelatedChange] = (),
) -> ChangeFacts:
    """Read a change that was asked for with :data:`master.gerrit.client.DETAIL`.

    ``label`` is the one the gate votes on itself, ``url`` the server's address, ``related`` what
    Gerrit answered about connected changes.
    """
    current = change.current
    commit = current.commit
    commits = () if commit is None else tuple(parent.commit for parent in commit.parents)
    return ChangeFacts(
        project=change.project,
        branch=change.branch,
        number=change.number,
        patchset=current.number,
        revision=change.current_revision or "",
        status=change.status,
        work_in_progress=change.work_in_progress,
        topic=change.topic,
        parents=tuple(_parents(commits, related)),
        depends_on=depends_on("" if commit is None else commit.message, url),
        missing=tuple(r.name for r in change.submit_requirements if not _holds(r, label)),
    )


def approvals(change: ChangeInfo) -> list[dict[str, Any]]:
    """All votes on a change: ``who`` (name and address), ``label``, ``value``."""
    return [
        {"who": _person(vote), "label": name, "value": vote.value}
        for name, label in sorted(change.labels.items())
        for vote in label.all
        if vote.value
    ]


def _person(account: AccountInfo) -> str:
    name = account.name or account.username or f"account {account.account_id}"
    return f"{name} <{account.email}>" if account.email else name


def depends_on(message: str, url: str) -> tuple[ChangeReference, ...]:
    """Changes that lines ``Depends-On: X`` below the subject name, each once, in their order.

    X is a change's number, its Change-Id, or its address on the server at ``url``. Anything else,
    addresses of other servers included, is passed over.
    """
    body = message.partition("\n")[2]
    found = (_reference(text, url) for text in _DEPENDS_ON.findall(body))
    return tuple(dict.fromkeys(reference for reference in found if reference is not None))


def _reference(text: str, url: str) -> ChangeReference | None:
    if re.fullmatch(_NUMBER, text):
        return ChangeReference(number=int(text))
    if re.fullmatch(_CHANGE_ID, text):
        return ChangeReference(change_id=text)
    rest = _below(text, url)
    address = None if rest is None else _ADDRESS.match(rest)
    if address is None:
        return None
    if address["number"]:
        return ChangeReference(number=int(address["number"]))
    return ChangeReference(change_id=address["change_id"])


def _below(text: str, url: str) -> str | None:
    """What follows the server's address in a URL; None for another server."""
    try:
        here, there = urlsplit(url), urlsplit(text)
        same = (here.hostname, here.port) == (there.hostname, there.port)
    except ValueError:
        return None
    base = here.path.rstrip("/")
    if there.scheme not in ("http", "https") or not same:
        return None
    if not there.path.startswith(f"{base}/"):
        return None
    fragment = f"#{there.fragment}" if there.fragment else ""
    return there.path.removeprefix(base) + fragment


def _parents(commits: tuple[str, ...], related: Iterable[RelatedChange]) -> Iterator[Parent]:
    for other in related:
        if other.commit.commit not in commits or other.status in (None, "MERGED"):
            continue
        if other.number is not None and other.patchset is not None and other.status is not None:
            yield Parent(
                number=other.number,
                patchset=other.patchset,
                current=other.patchset == other.current_patchset,
                status=other.status,
            )


def _holds(requirement: SubmitRequirement, label: str) -> bool:
    """Whether a requirement holds, or would if it were not for the gate's own label."""
    if requirement.status in _HOLDS:
        return True
    result = requirement.submittability_expression_result
    if requirement.status != "UNSATISFIED" or result is None or not result.expression:
        return False
    passing = set(result.passing_atoms)
    atoms = passing | set(result.failing_atoms)
    own = {atom for atom in atoms if re.match(rf"label:{re.escape(label)}(?![\w-])", atom)}
    if not own:
        return False
    if own == atoms:
        return True
    # Of a mixture only plain conjunctions are understood; others count as not holding.
    terms = [term.strip() for term in re.split(r"\bAND\b", result.expression)]
    others = [(term.removeprefix("-"), term.startswith("-")) for term in terms]
    return all(
        atom in own or (atom in atoms and (atom in passing) != negated) for atom, negated in others
    )
