"""A project's own policy files, accepted by an admin."""

from __future__ import annotations

from fastapi import APIRouter

from workbench.api import wire
from workbench.api.house import ActorIn, HouseIn, find_project
from workbench.engine.accept import accept_policy

router = APIRouter()


@router.post("/api/policy/accept")
async def accept_project_policy(
    body: wire.AcceptPolicyIn, house: HouseIn, actor: ActorIn
) -> wire.AcceptedPolicyOut:
    """Puts the policy files that lie in the project's workspace now in force, after every check of them."""
    project = await find_project(house, actor, body.project_id)
    accepted = await accept_policy(house.context, project_id=project.project_id, actor=actor)
    return wire.AcceptedPolicyOut(
        project_id=accepted.project_id,
        digest=accepted.digest,
        posture=accepted.posture,
        rules=list(accepted.rules),
    )
