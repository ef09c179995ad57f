"""Says what an approval is good for: who may decide it, when it is reached, when it has lapsed.

Pure functions over the model's types. A time-out is never consent, and an approval holds once, for one
subject digest. It writes nothing and asks nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.model.approval import Approval, ApprovalDecision
from workbench.model.clock import parse_time
from workbench.model.project import Project
from workbench.model.statuses import ApprovalStatus
from workbench.model.verdict import RiskLevel

APPROVE = "approve"
DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """Whether an actor may decide, why not, and whether they would be approving their own request."""

    is_allowed: bool
    reason: str
    is_self_approval: bool = False


def is_expired(approval: Approval, now: str) -> bool:
    """Returns whether the approval has lapsed at `now` (RFC 3339); an unreadable time counts as lapsed."""
    try:
        return parse_time(now) >= parse_time(approval.expires_at)
    except (TypeError, ValueError):
        return True


def is_quorum_reached(decisions: tuple[ApprovalDecision, ...], quorum: int) -> bool:
    """Returns whether enough different people approved and nobody denied; a quorum below 1 counts as 1."""
    if any(decision.decision != APPROVE for decision in decisions):
        return False
    return len({decision.actor for decision in decisions}) >= max(1, quorum)


def may_decide(
    approval: Approval, *, actor: str, decision: str, reason: str, project: Project, now: str
) -> Permission:
    """Returns whether `actor` may give this decision now.

    Approving one's own request is allowed and marked, unless the project forbids it; denying it always is.
    A high-risk approval needs a reason. Nobody decides twice.
    """
    is_own = actor == approval.requested_by
    approves_own = is_own and decision == APPROVE
    if decision not in (APPROVE, DENY):
        return Permission(is_allowed=False, reason=f"{decision!r} is neither {APPROVE} nor {DENY}")
    if not actor:
        return Permission(is_allowed=False, reason="the decision has no actor")
    if approval.project_id != project.project_id:
        return Permission(is_allowed=False, reason="the approval belongs to another project")
    if approval.status is not ApprovalStatus.PENDING:
        return Permission(is_allowed=False, reason=f"the approval is {approval.status.value} already")
    if is_expired(approval, now):
        return Permission(is_allowed=False, reason=f"the approval expired at {approval.expires_at}")
    if any(earlier.actor == actor for earlier in approval.decisions):
        return Permission(is_allowed=False, reason=f"{actor} has decided already")
    if approves_own and project.forbid_self_approval:
        return Permission(
            is_allowed=False,
            reason="the project asks for a second person; nobody approves their own request",
            is_self_approval=True,
        )
    if approval.risk_level is RiskLevel.HIGH and not reason.strip():
        return Permission(is_allowed=False, reason="a high-risk decision needs a reason")
    return Permission(
        is_allowed=True,
        reason="you are approving your own request" if approves_own else "",
        is_self_approval=approves_own,
    )


def may_release(
    approval: Approval | None,
    *,
    project_id: str,
    run_id: str,
    step_id: str,
    subject_digest: str,
    now: str,
) -> tuple[bool, str]:
    """Returns whether this approval lets exactly this step start, and why not in words."""
    if approval is None:
        return False, "an approval is needed"
    if (approval.project_id, approval.run_id, approval.step_id) != (project_id, run_id, step_id):
        return False, f"approval {approval.approval_id} is for another step"
    if approval.status is not ApprovalStatus.APPROVED:
        return (
            False,
            f"approval {approval.approval_id} is {getattr(approval.status, 'value', approval.status)}",
        )
    if approval.subject_digest != subject_digest:
        return False, f"what approval {approval.approval_id} was given for has changed since"
    if approval.is_used:
        return False, f"approval {approval.approval_id} has been used already"
    if is_expired(approval, now):
        return False, f"approval {approval.approval_id} expired at {approval.expires_at}"
    if not is_quorum_reached(approval.decisions, approval.quorum):
        return False, f"approval {approval.approval_id} lacks its quorum of {approval.quorum}"
    return True, ""
