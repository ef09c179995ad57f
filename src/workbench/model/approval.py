"""A question put to a person before something starts, and what was answered."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.model.statuses import ApprovalStatus
from workbench.model.verdict import RiskLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalDecision:
    actor: str
    decision: str
    reason: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Holds for its `subject_digest` only, once. `is_used` is set by the start that it allowed."""

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
