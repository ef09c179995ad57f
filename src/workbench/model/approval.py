"""A question put to a person before something starts, and what was answered."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.model.statuses import ApprovalStatus
from workbench.model.verdict import RiskLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalDecision:
    """`token_id` is what the actor decided with; None where the engine did, or before it was noted."""

    actor: str
    decision: str
    reason: str
    at: str
    token_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandChange:
    """One thing that an approver changed in what was asked for, as words: what it was, what it is."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Holds for its `subject_digest` only, once. `is_used` is set by the start that it allowed.

    `start_by` is set when it is approved: what has not started by then needs a new question. An approval
    that takes the place of an edited one says who edited (`edited_by`) and what (`changes`). `editors` are
    all who ever changed what this step is to do, the first first.
    """

    approval_id: str
    project_id: str
    run_id: str
    step_id: str
    status: ApprovalStatus
    subject_digest: str
    risk_level: RiskLevel
    quorum: int
    requested_by: str
    decisions: tuple[ApprovalDecision, ...]
    created_at: str
    expires_at: str
    is_used: bool
    version: int
    start_by: str | None = None
    edited_by: str | None = None
    changes: tuple[CommandChange, ...] = ()
    editors: tuple[str, ...] = ()

    @property
    def authors(self) -> tuple[str, ...]:
        """Whose words are asked about: the requester first, then everybody who changed them, each once."""
        last = () if self.edited_by is None else (self.edited_by,)
        return tuple(dict.fromkeys((self.requested_by, *self.editors, *last)))
