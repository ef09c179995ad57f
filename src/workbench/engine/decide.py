"""Takes people's decisions on what is held. The row in the ledger is the decision; nothing else counts.

A denied or expired approval cancels the run and says so; it never counts as consent.
"""

from __future__ import annotations

from workbench.engine.context import ENGINE, Context
from workbench.gate.approvals import APPROVE, DENY, is_expired, is_quorum_reached, may_decide
from workbench.ledger.move import Move, MoveApproval, MoveRun, MoveStep
from workbench.model.actor import Actor
from workbench.model.approval import Approval, ApprovalDecision
from workbench.model.clock import render_time
from workbench.model.errors import Conflict, IllegalMove, InvalidInput, NotAllowed
from workbench.model.moves import ApprovalMove, RunMove, StepMove
from workbench.model.statuses import ApprovalStatus
from workbench.model.verdict import RiskLevel


async def approve(
    context: Context,
    *,
    project_id: str,
    approval_id: str,
    actor: Actor,
    reason: str,
    subject_digest: str | None = None,
) -> Approval:
    """Adds a vote; at quorum the step is released and driven on.

    Raises IllegalMove when it is decided already, Conflict when `subject_digest` (what the decider saw) is
    not what is held, NotAllowed when this actor may not decide it, InvalidInput for a missing reason.
    """
    reads = context.ledger.for_project(project_id)
    approval = await _decidable(context, project_id, approval_id, actor, APPROVE, reason, subject_digest)
    mine = ApprovalDecision(actor=actor.name, decision=APPROVE, reason=reason, at="")
    if not is_quorum_reached((*approval.decisions, mine), approval.quorum):
        vote = MoveApproval(
            approval_id=approval_id, move=None, decision="approve", reason=reason, version=approval.version
        )
        await context.ledger.append(project_id, [vote], actor=actor.name, via=actor.via)
        return await reads.approval(approval_id)
    run, steps = await reads.run_with_steps(approval.run_id)
    step = next(step for step in steps if step.step_id == approval.step_id)
    note = {"approval_id": approval_id}
    moves: list[Move] = [
        MoveApproval(
            approval_id=approval_id,
            move=ApprovalMove.APPROVE,
            decision="approve",
            reason=reason,
            version=approval.version,
        ),
        MoveStep(step_id=step.step_id, move=StepMove.RELEASE, version=step.version, note=note),
        MoveRun(run_id=run.run_id, move=RunMove.RELEASE, version=run.version, note=note),
    ]
    await context.ledger.append(project_id, moves, actor=actor.name, via=actor.via)
    await context.starter.start(project_id, run.run_id)
    return await reads.approval(approval_id)


async def deny(
    context: Context,
    *,
    project_id: str,
    approval_id: str,
    actor: Actor,
    reason: str,
    subject_digest: str | None = None,
) -> Approval:
    """Denies it and cancels the run; raises as approve does. A denial always needs a reason."""
    if not reason.strip():
        raise InvalidInput("a denial needs a reason", remedy="say why: workbench deny ID --reason R")
    approval = await _decidable(context, project_id, approval_id, actor, DENY, reason, subject_digest)
    await _end(context, project_id, approval, ApprovalMove.DENY, actor, reason)
    return await context.ledger.for_project(project_id).approval(approval_id)


async def expire_overdue(context: Context) -> int:
    """Expires every pending approval whose time is over, cancels their runs, and returns how many."""
    now = render_time(context.clock.now())
    count = 0
    for approval in await context.ledger.pending_approvals():
        if not is_expired(approval, now):
            continue
        try:
            await _end(
                context,
                approval.project_id,
                approval,
                ApprovalMove.EXPIRE,
                ENGINE,
                f"nobody decided by {approval.expires_at}",
            )
        except Conflict:
            # Decided in the meantime: that decision stands.
            continue
        count += 1
    return count


async def _decidable(
    context: Context,
    project_id: str,
    approval_id: str,
    actor: Actor,
    decision: str,
    reason: str,
    subject_digest: str | None,
) -> Approval:
    reads = context.ledger.for_project(project_id)
    approval = await reads.approval(approval_id)
    if approval.status is not ApprovalStatus.PENDING:
        raise IllegalMove(
            noun="approval",
            object_id=approval_id,
            state=approval.status,
            move=decision,
            actor=actor.name,
        )
    if is_expired(approval, render_time(context.clock.now())):
        await _end(
            context,
            project_id,
            approval,
            ApprovalMove.EXPIRE,
            ENGINE,
            f"nobody decided by {approval.expires_at}",
        )
        raise IllegalMove(
            noun="approval", object_id=approval_id, state="expired", move=decision, actor=actor.name
        )
    if subject_digest is not None and subject_digest != approval.subject_digest:
        raise Conflict(
            f"approval {approval_id} is for another subject than the one you saw",
            remedy="look at the request again and decide on what it is now",
        )
    if approval.risk_level is RiskLevel.HIGH and not reason.strip():
        raise InvalidInput(
            "a high-risk decision needs a reason", remedy=f"say why: workbench {decision} ID --reason R"
        )
    permission = may_decide(
        approval,
        actor=actor.name,
        decision=decision,
        reason=reason,
        project=await context.ledger.project(project_id),
        now=render_time(context.clock.now()),
    )
    if not permission.is_allowed:
        raise NotAllowed(permission.reason, remedy="ask another approver of this project")
    return approval


async def _end(
    context: Context,
    project_id: str,
    approval: Approval,
    move: ApprovalMove,
    actor: Actor,
    reason: str,
) -> None:
    run, steps = await context.ledger.for_project(project_id).run_with_steps(approval.run_id)
    step = next(step for step in steps if step.step_id == approval.step_id)
    note = {"approval_id": approval.approval_id, "reason": f"approval {move.value}: {reason}"}
    moves: list[Move] = [
        MoveApproval(
            approval_id=approval.approval_id,
            move=move,
            decision=move.value,
            reason=reason,
            version=approval.version,
        ),
        MoveStep(
            step_id=step.step_id,
            move=StepMove.CANCEL,
            version=step.version,
            failure_reason=f"denied by {actor.name}: {reason}" if move is ApprovalMove.DENY else reason,
            note=note,
        ),
        MoveRun(run_id=run.run_id, move=RunMove.CANCEL, version=run.version, note=note),
    ]
    await context.ledger.append(project_id, moves, actor=actor.name, via=actor.via)
