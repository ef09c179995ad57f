"""Takes people's decisions on what is held. The row in the ledger is the decision; nothing else counts.

A denied or expired approval cancels the run and says so; it never counts as consent. One that is given, but
whose start does not come in time, lapses; what it was for is asked anew if it is still to start.
"""

from __future__ import annotations

from datetime import timedelta

from workbench.engine.ask import ask_step
from workbench.engine.context import ENGINE, Context
from workbench.engine.look import read_policy
from workbench.engine.renew import renew
from workbench.gate.approvals import (
    APPROVE,
    DENY,
    is_expired,
    is_quorum_reached,
    may_decide,
    needed_quorum,
    needs_reason,
    standing_votes,
)
from workbench.ledger.move import Move, MoveApproval, MoveRun, MoveStep
from workbench.model.actor import Actor
from workbench.model.approval import Approval, ApprovalDecision
from workbench.model.clock import render_time
from workbench.model.errors import Conflict, IllegalMove, InvalidInput, NotAllowed
from workbench.model.moves import ApprovalMove, RunMove, StepMove
from workbench.model.people import People, names_in
from workbench.model.project import Project
from workbench.model.reason import is_said
from workbench.model.statuses import ApprovalStatus


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
    not what is held, NotAllowed when this actor may not decide it, InvalidInput for a missing reason. Where
    the gate finds by now something else than what was asked about, nothing is approved: see `renew`.
    """
    reads = context.ledger.for_project(project_id)
    approval = await find_decidable(context, project_id, approval_id, actor, APPROVE, reason, subject_digest)
    project = await context.ledger.project(project_id)
    people = await context.ledger.people(names_in(approval, project) | {actor.name})
    run, steps = await reads.run_with_steps(approval.run_id)
    step = next(step for step in steps if step.step_id == approval.step_id)
    _, admission = await ask_step(context, run, step)
    if admission.subject_digest != approval.subject_digest:
        return await renew(
            context, approval, project=project, run=run, step=step, admission=admission, actor=actor
        )
    vote = vote_for(context, approval, actor, reason, project=project, people=people)
    moves: list[Move] = [vote]
    if vote.move is not None:
        note = {"approval_id": approval_id}
        moves += [
            MoveStep(step_id=step.step_id, move=StepMove.RELEASE, version=step.version, note=note),
            MoveRun(run_id=run.run_id, move=RunMove.RELEASE, version=run.version, note=note),
        ]
    await context.ledger.append(project_id, moves, actor=actor.name, via=actor.via)
    if vote.move is not None:
        await context.starter.start(project_id, run.run_id, place=run.place)
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
    approval = await find_decidable(context, project_id, approval_id, actor, DENY, reason, subject_digest)
    await _end(context, project_id, approval, ApprovalMove.DENY, actor, reason)
    return await context.ledger.for_project(project_id).approval(approval_id)


async def expire_overdue(context: Context) -> int:
    """Ends every approval whose time is over and returns how many.

    One that nobody decided expires and its run is canceled. One that was given and let nothing start lapses;
    its run, if it is still to start, is held and asked about anew when it is driven.
    """
    now = render_time(context.clock.now())
    count = 0
    for approval in await context.ledger.pending_approvals():
        if not is_expired(approval, now):
            continue
        try:
            await _expire(context, approval.project_id, approval)
        except Conflict:
            # Decided in the meantime: that decision stands.
            continue
        count += 1
    for approval in await context.ledger.overdue_starts(now):
        lapse = MoveApproval(
            approval_id=approval.approval_id,
            move=ApprovalMove.LAPSE,
            decision=ApprovalMove.LAPSE.value,
            reason=f"nothing had started by {approval.start_by or approval.expires_at}",
            version=approval.version,
        )
        try:
            await context.ledger.append(approval.project_id, [lapse], actor=ENGINE.name, via=ENGINE.via)
        except Conflict:
            continue
        count += 1
    return count


def vote_for(
    context: Context, approval: Approval, actor: Actor, reason: str, *, project: Project, people: People
) -> MoveApproval:
    """Returns the move of one approval by `actor`: APPROVE when it reaches the quorum, else a vote."""
    mine = ApprovalDecision(actor=actor.name, decision=APPROVE, reason=reason, at="")
    is_reached = is_quorum_reached(
        (*standing_votes(approval, project, people), mine), needed_quorum(approval, project), people
    )
    start_by = context.clock.now() + timedelta(seconds=context.limits.execution_expiry_seconds)
    return MoveApproval(
        approval_id=approval.approval_id,
        move=ApprovalMove.APPROVE if is_reached else None,
        decision=APPROVE,
        reason=reason,
        version=approval.version,
        start_by=render_time(start_by) if is_reached else None,
        token_id=actor.token_id,
    )


async def find_decidable(
    context: Context,
    project_id: str,
    approval_id: str,
    actor: Actor,
    decision: str,
    reason: str,
    subject_digest: str | None,
) -> Approval:
    """Returns the approval if `actor` may give this decision on it now; raises as approve does."""
    reads = context.ledger.for_project(project_id)
    approval = await reads.approval(approval_id)
    now = render_time(context.clock.now())
    if approval.status is not ApprovalStatus.PENDING:
        raise _decided(approval, approval.status, decision, actor, await _successor(context, approval))
    if is_expired(approval, now):
        await _expire(context, project_id, approval)
        raise _decided(approval, ApprovalStatus.EXPIRED, decision, actor)
    if subject_digest is not None and subject_digest != approval.subject_digest:
        raise Conflict(
            f"approval {approval_id} is for another subject than the one you saw",
            remedy="look at the request again and decide on what it is now",
        )
    if needs_reason(approval.risk_level, decision) and not is_said(reason):
        raise InvalidInput(
            "a denial needs a reason" if decision == DENY else "a high-risk decision needs a reason",
            remedy=f"say why: workbench {decision} ID --reason R",
        )
    project = await context.ledger.project(project_id)
    permission = may_decide(
        approval,
        actor=actor,
        decision=decision,
        reason=reason,
        project=project,
        people=await context.ledger.people(names_in(approval, project) | {actor.name}),
        # A denial opens nothing: it is taken under a policy that is broken, too.
        policy=await read_policy(context, project_id) if decision == APPROVE else None,
        now=now,
    )
    if not permission.is_allowed:
        raise NotAllowed(permission.reason, remedy=permission.remedy)
    return approval


async def _successor(context: Context, approval: Approval) -> Approval | None:
    """Returns the approval that asks in the place of one that was withdrawn, where one waits."""
    if approval.status is not ApprovalStatus.WITHDRAWN:
        return None
    asked = await context.ledger.for_project(approval.project_id).approvals(run_id=approval.run_id)
    waiting = (each for each in asked if each.status is ApprovalStatus.PENDING)
    return next((each for each in waiting if each.step_id == approval.step_id), None)


def _decided(
    approval: Approval,
    status: ApprovalStatus,
    decision: str,
    actor: Actor,
    successor: Approval | None = None,
) -> IllegalMove:
    error = IllegalMove(
        noun="approval", object_id=approval.approval_id, state=status.value, move=decision, actor=actor.name
    )
    if status is ApprovalStatus.EXPIRED:
        # Nothing can be decided any more, and its run has ended: only asking anew leads on.
        error.remedy = f"its run was canceled; ask anew: workbench retry {approval.run_id} --acknowledge"
    if successor is not None:
        asked = f"{successor.approval_id} asks in its place"
        error.remedy = f"{asked}: workbench {decision} {successor.approval_id} --reason WHY"
    return error


async def _expire(context: Context, project_id: str, approval: Approval) -> None:
    reason = f"nobody decided by {approval.expires_at}"
    if approval.decisions:
        reason = f"{len(approval.decisions)} of {approval.quorum} approved by {approval.expires_at}"
    await _end(context, project_id, approval, ApprovalMove.EXPIRE, ENGINE, reason)


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
            token_id=actor.token_id,
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
