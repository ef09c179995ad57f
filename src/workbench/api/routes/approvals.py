"""The approvals inbox."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from workbench.api import wire, wire_decide
from workbench.api.house import ActorIn, House, HouseIn, OneOrAllProjects, policy_in_force, require_project
from workbench.api.render import PolicyInForce, approval_out, edit_out
from workbench.engine.decide import approve, deny
from workbench.engine.edit import Edit, approve_edited, review_edit
from workbench.engine.look import read_kill
from workbench.engine.recorded import RECORDED
from workbench.gate.deciders import Answers
from workbench.model.actor import Actor
from workbench.model.approval import Approval
from workbench.model.clock import render_time
from workbench.model.people import names_in
from workbench.model.statuses import ApprovalStatus

router = APIRouter()


@router.get("/api/approvals")
async def list_approvals(
    response: Response,
    house: HouseIn,
    project_id: OneOrAllProjects,
    actor: ActorIn,
    status: ApprovalStatus | None = None,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[wire.ApprovalOut]:
    """Riskiest first and then newest first, over all pages; the cursor is the id of a page's last one.

    Without a project, the approvals of all that the token reaches.
    """
    page = await house.context.ledger.approvals(project_id, status=status, after=cursor, limit=limit)
    if page.next_after is not None:
        response.headers["X-Next-Cursor"] = page.next_after
    projects = {approval.project_id for approval in page.approvals}
    policies = {each: await policy_in_force(house, each) for each in projects}
    known: dict[str, Answers] = {each: {} for each in projects}
    return [
        await _show(house, actor, approval, policies[approval.project_id], known[approval.project_id])
        for approval in page.approvals
    ]


@router.get("/api/approvals/{approval_id}")
async def get_approval(approval_id: str, house: HouseIn, actor: ActorIn) -> wire.ApprovalOut:
    project_id = await _project_of(house, actor, approval_id)
    approval = await house.context.ledger.for_project(project_id).approval(approval_id)
    return await _show(house, actor, approval)


@router.post("/api/approvals/{approval_id}/approve")
async def approve_approval(
    approval_id: str, body: wire_decide.DecisionIn, house: HouseIn, actor: ActorIn
) -> wire.ApprovalOut:
    project_id = await _project_of(house, actor, approval_id)
    approval = await approve(
        house.context,
        project_id=project_id,
        approval_id=approval_id,
        actor=actor,
        reason=body.reason,
        subject_digest=body.subject_digest,
    )
    return await _show(house, actor, approval)


@router.post("/api/approvals/{approval_id}/edit-check")
async def check_edit(
    approval_id: str, body: wire_decide.EditIn, house: HouseIn, actor: ActorIn
) -> wire_decide.EditOut:
    """What the held request would be with this edit: the difference and the verdict. Nothing is written."""
    project_id = await _project_of(house, actor, approval_id)
    seen = await review_edit(
        house.context, project_id=project_id, approval_id=approval_id, edit=_edit_of(body), actor=actor
    )
    return edit_out(seen)


@router.post("/api/approvals/{approval_id}/approve-edited")
async def approve_edited_approval(
    approval_id: str, body: wire_decide.EditDecisionIn, house: HouseIn, actor: ActorIn
) -> wire.ApprovalOut:
    """Approves the request as edited. The answer is the approval that takes the place of this one."""
    project_id = await _project_of(house, actor, approval_id)
    approval = await approve_edited(
        house.context,
        project_id=project_id,
        approval_id=approval_id,
        edit=_edit_of(body),
        actor=actor,
        reason=body.reason,
        subject_digest=body.subject_digest,
        edited_digest=body.edited_digest,
    )
    return await _show(house, actor, approval)


@router.post("/api/approvals/{approval_id}/deny")
async def deny_approval(
    approval_id: str, body: wire_decide.DecisionIn, house: HouseIn, actor: ActorIn
) -> wire.ApprovalOut:
    project_id = await _project_of(house, actor, approval_id)
    approval = await deny(
        house.context,
        project_id=project_id,
        approval_id=approval_id,
        actor=actor,
        reason=body.reason,
        subject_digest=body.subject_digest,
    )
    return await _show(house, actor, approval)


def _edit_of(body: wire_decide.EditIn) -> Edit:
    return Edit(
        source_text=body.command,
        cwd=body.cwd,
        timeout_seconds=body.timeout_seconds,
        allow_hosts=None if body.allow_hosts is None else tuple(body.allow_hosts),
    )


async def _project_of(house: House, actor: Actor, approval_id: str) -> str:
    project_id = await house.context.ledger.project_of_approval(approval_id)
    require_project(actor, project_id)
    return project_id


async def _show(
    house: House,
    actor: Actor,
    approval: Approval,
    policy: PolicyInForce | None = None,
    known: Answers | None = None,
) -> wire.ApprovalOut:
    ledger = house.context.ledger
    reads = ledger.for_project(approval.project_id)
    run, steps = await reads.run_with_steps(approval.run_id)
    others: list[Approval] = []
    if approval.status is ApprovalStatus.WITHDRAWN:
        others = await reads.approvals(run_id=approval.run_id)
    project = await ledger.project(approval.project_id)
    now = render_time(house.context.clock.now())
    if policy is None:
        policy = await policy_in_force(house, approval.project_id)
    stopped = None
    is_to_start = approval.status is ApprovalStatus.APPROVED and not approval.is_used
    if approval.status is ApprovalStatus.PENDING or is_to_start:
        connector = next(step.connector for step in steps if step.step_id == approval.step_id)
        stopped = await read_kill(house.context, approval.project_id, connector)
    return approval_out(
        approval,
        run,
        tuple(steps),
        project,
        actor,
        now,
        policy,
        tuple(others),
        people=await ledger.people(names_in(approval, project)),
        stopped=stopped,
        known=known,
        previews=await reads.tagged_events(approval.run_id, RECORDED),
    )
