"""What Gerrit's REST interface answers, as far as Lockgate uses it.

Names are Gerrit's own, without the underscore some begin with (Documentation/rest-api-changes).
Fields Gerrit sends only when asked for by an option are ``None`` or empty otherwise.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ChangeStatus = Literal["NEW", "MERGED", "ABANDONED"]
RequirementStatus = Literal[
    "SATISFIED", "UNSATISFIED", "OVERRIDDEN", "NOT_APPLICABLE", "ERROR", "FORCED"
]


class Answer(BaseModel):
    """Base of all: what Gerrit adds in later versions is ignored."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="ignore")


class AccountInfo(Answer):
    """Somebody with an account."""

    account_id: int | None = Field(default=None, alias="_account_id")
    name: str | None = None
    email: str | None = None
    username: str | None = None


class ApprovalInfo(AccountInfo):
    """One person's vote on a label; ``value`` is None for who may vote and has not."""

    value: int | None = None


class LabelInfo(Answer):
    """The votes on one label."""

    all: tuple[ApprovalInfo, ...] = ()


class RequirementExpression(Answer):
    """How an expression of a submit requirement came out, atom by atom."""

    expression: str | None = None
    passing_atoms: tuple[str, ...] = ()
    failing_atoms: tuple[str, ...] = ()


class SubmitRequirement(Answer):
    """One condition for submitting a change, and whether it holds."""

    name: str
    status: RequirementStatus
    submittability_expression_result: RequirementExpression | None = None


class ParentInfo(Answer):
    """A parent of a commit."""

    commit: str
    subject: str = ""


class CommitInfo(Answer):
    """A commit. Gerrit's REST interface does not tell its tree: ask git for that."""

    commit: str | None = None
    parents: tuple[ParentInfo, ...] = ()
    subject: str = ""
    message: str = ""


class RevisionInfo(Answer):
    """A patch set."""

    number: int = Field(alias="_number")
    ref: str
    kind: str = ""
    created: str = ""
    uploader: AccountInfo = AccountInfo()
    commit: CommitInfo | None = None


class ChangeMessageInfo(Answer):
    """Something said on a change."""

    id: str
    message: str
    date: str
    author: AccountInfo | None = None
    tag: str | None = None
    revision_number: int | None = Field(default=None, alias="_revision_number")


class CommentInfo(Answer):
    """Something said on a file or, with a magic path, on the whole patch set."""

    message: str = ""
    change_message_id: str | None = None


class ChangeInfo(Answer):
    """A change."""

    number: int = Field(alias="_number")
    change_id: str
    project: str
    branch: str
    subject: str
    status: ChangeStatus
    created: str = ""
    updated: str = ""
    submitter: AccountInfo | None = None
    owner: AccountInfo = AccountInfo()
    topic: str | None = None
    hashtags: tuple[str, ...] = ()
    work_in_progress: bool = False
    is_private: bool = False
    submit_requirements: tuple[SubmitRequirement, ...] = ()
    labels: dict[str, LabelInfo] = {}
    messages: tuple[ChangeMessageInfo, ...] = ()
    current_revision: str | None = None
    revisions: dict[str, RevisionInfo] = {}
    more_changes: bool = Field(default=False, alias="_more_changes")

    @property
    def current(self) -> RevisionInfo:
        """The current patch set; needs the option CURRENT_REVISION."""
        if self.current_revision is None:
            raise ValueError(f"change {self.number} was asked for without CURRENT_REVISION")
        return self.revisions[self.current_revision]


class ReviewResult(Answer):
    """Answer to a review: the votes that were taken."""

    labels: dict[str, int] = {}


class RelatedChange(Answer):
    """A change connected with another one by git parents; the patch set in that chain."""

    project: str
    commit: CommitInfo
    change_id: str | None = None
    number: int | None = Field(default=None, alias="_change_number")
    patchset: int | None = Field(default=None, alias="_revision_number")
    current_patchset: int | None = Field(default=None, alias="_current_revision_number")
    status: ChangeStatus | None = None  # None for a commit that is no change


class RelatedChanges(Answer):
    """Answer about the changes connected by git parents."""

    changes: tuple[RelatedChange, ...] = ()


class BranchInfo(Answer):
    """A branch and its tip."""

    ref: str
    revision: str


class InheritedBoolean(Answer):
    """A setting projects inherit; ``value`` is what holds."""

    configured_value: Literal["TRUE", "FALSE", "INHERIT"] = "INHERIT"
    inherited_value: bool = False

    @property
    def value(self) -> bool:
        """What holds. Gerrit's own field of this name is not always sent."""
        if self.configured_value == "INHERIT":
            return self.inherited_value
        return self.configured_value == "TRUE"


class ConfigInfo(Answer):
    """A project's configuration as it holds after inheritance."""

    submit_type: str
    use_content_merge: InheritedBoolean = InheritedBoolean()
