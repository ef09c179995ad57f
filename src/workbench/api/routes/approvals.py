"""The approvals inbox."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from workbench.api import wire
from workbench.api.house import ActorIn, House, HouseIn, ProjectQuery, require_project
from workbench.api.render import approval_out
from workbench.engine.decide import approve, deny
from workbench.model.actor import Actor
from workbench.model.approval import Approval
from workbench.model.clock import render_time
from workbench.model.verdict import RiskLevel

router = APIRouter()
_RISK_ORDER = list(RiskLevel)


@router.get("/api/approvals")
async def list_approvals(
    house: HouseIn,
    project: ProjectQuery,
    actor: ActorIn,
    status: Annotated[str | None, Query(max_length=20)] = None,
) -> list[wire.ApprovalOut]:
    found = await house.context.ledger.for_project(project.project_id).approvals(status=status)
    found.sort(key=lambda a: (_RISK_ORDER.index(a.risk_level), a.approval_id), reverse=True)
    return [await _show(house, actor, approval) for approval in found]


@router.get("/api/approvals/{approval_id}")
async def get_approval(approval_id: str, house: HouseIn, actor: ActorIn) -> wire.ApprovalOut:
    project_id = await _project_of(house, actor, approval_id)
    approval = await house.context.ledger.for_project(project_id).approval(approval_id)
    return await _show(house, actor, approval)


@router.post("/api/approvals/{approval_id}/approve")
async def approve_approval(
    approval_id: str, body: wire.DecisionIn, house: HouseIn, actor: ActorIn
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


@router.post("/api/approvals/{approval_id}/deny")
async def deny_approval(
    approval_id: str, body: wire.DecisionIn, house: HouseIn, actor: ActorIn
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


async def _project_of(house: House, actor: Actor, approval_id: str) -> str:
    project_id = await house.context.ledger.project_of_approval(approval_id)
    require_project(actor, project_id)
    return project_id


async def _show(house: House, actor: Actor, approval: Approval) -> wire.ApprovalOut:
    ledger = house.context.ledger
    run, steps = await ledger.for_project(approval.project_id).run_with_steps(approval.run_id)
    project = await ledger.project(approval.project_id)
    now = render_time(house.context.clock.now())
    return approval_out(approval, run, tuple(steps), project, actor, now)
