"""What a project adds to the rules: its own files, accepted by an admin, and rules that are remembered."""

from __future__ import annotations

from fastapi import APIRouter, Response

from workbench.api import wire
from workbench.api.house import ActorIn, HouseIn, ProjectQuery, find_project, project_of_run
from workbench.engine.accept import accept_policy
from workbench.engine.remember import Preview, forget_rule, preview_rules, remember_rules
from workbench.model.clock import render_time
from workbench.model.layer import RememberedRule

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
        without_examples=list(accepted.without_examples),
    )


@router.post("/api/policy/proposals")
async def propose_rules(body: wire.RememberIn, house: HouseIn, actor: ActorIn) -> wire.RememberPreviewOut:
    """Shows what would be remembered from a run, and which of the last 200 runs it would have covered."""
    await project_of_run(house, actor, body.run_id)
    preview = await preview_rules(house.context, run_id=body.run_id, days=body.days, actor=actor)
    return _preview_out(preview)


@router.get("/api/policy/remembered")
async def list_remembered(house: HouseIn, project: ProjectQuery) -> list[wire.RememberedRuleOut]:
    now = render_time(house.context.clock.now())
    rules = await house.context.ledger.for_project(project.project_id).remembered_rules()
    return [_rule_out(rule, is_in_force=rule.is_in_force(now)) for rule in rules]


@router.post("/api/policy/remembered", status_code=201)
async def remember(body: wire.RememberIn, house: HouseIn, actor: ActorIn) -> wire.RememberPreviewOut:
    """Remembers what a proposal from the same run shows."""
    await project_of_run(house, actor, body.run_id)
    preview = await remember_rules(house.context, run_id=body.run_id, days=body.days, actor=actor)
    return _preview_out(preview)


@router.delete("/api/policy/remembered/{rule_id}", status_code=204)
async def forget(rule_id: str, house: HouseIn, project: ProjectQuery, actor: ActorIn) -> Response:
    await forget_rule(house.context, project_id=project.project_id, rule_id=rule_id, actor=actor)
    return Response(status_code=204)


def _preview_out(preview: Preview) -> wire.RememberPreviewOut:
    return wire.RememberPreviewOut(
        rules=[_rule_out(rule, is_in_force=True) for rule in preview.rules],
        covered=[wire.CoveredRunOut(run_id=run.run_id, command=run.command) for run in preview.covered],
        looked_at=preview.looked_at,
    )


def _rule_out(rule: RememberedRule, *, is_in_force: bool) -> wire.RememberedRuleOut:
    return wire.RememberedRuleOut(
        rule_id=rule.rule_id,
        project_id=rule.project_id,
        program=rule.program,
        form=rule.form,
        cedar=rule.cedar,
        from_run_id=rule.from_run_id,
        created_by=rule.created_by,
        created_at=rule.created_at,
        expires_at=rule.expires_at,
        revoked_at=rule.revoked_at,
        is_in_force=is_in_force,
    )
