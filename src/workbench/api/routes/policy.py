"""A project's policy: where it stands, what a change would do, how a verdict comes about; what an admin
accepts of its own files, and the rules that are remembered."""

from __future__ import annotations

from fastapi import APIRouter, Response

from workbench.api import wire, wire_policy
from workbench.api.house import (
    ActorIn,
    House,
    HouseIn,
    ProjectQuery,
    find_project,
    project_of_run,
    require_project,
)
from workbench.api.render_policy import (
    organisation_preview_out,
    policy_out,
    policy_preview_out,
    remembered_out,
    trace_out,
)
from workbench.engine.accept import accept_policy
from workbench.engine.inspect import explain_command, inspect_policy, preview_policy
from workbench.engine.organisation import accept_organisation, preview_organisation
from workbench.engine.remember import Preview, forget_rule, is_own_run, preview_rules, remember_rules
from workbench.model.actor import Actor, Role
from workbench.model.clock import render_time
from workbench.model.command import Command

router = APIRouter()


@router.get("/api/policy")
async def get_policy(house: HouseIn, project: ProjectQuery, actor: ActorIn) -> wire_policy.PolicyOut:
    """Where the project's policy stands: posture, layers, and every rule in force."""
    view = await inspect_policy(house.context, project_id=project.project_id)
    return policy_out(view, actor)


@router.post("/api/policy/explain")
async def explain_verdict(
    body: wire_policy.ExplainIn, house: HouseIn, actor: ActorIn
) -> wire_policy.TraceOut:
    """How the verdict on a command comes about, and what would have to change; writes nothing."""
    project = await find_project(house, actor, body.project_id)
    command = Command(
        source_text=body.command, cwd=body.cwd, env_profile=body.env_profile, connector=body.connector
    )
    trace = await explain_command(house.context, project_id=project.project_id, command=command, actor=actor)
    return trace_out(trace)


@router.post("/api/policy/preview")
async def preview_project_policy(
    body: wire_policy.PolicyPreviewIn, house: HouseIn, actor: ActorIn
) -> wire_policy.PolicyPreviewOut:
    """What accepting the files that lie in the workspace now would change; writes nothing."""
    project = await find_project(house, actor, body.project_id)
    change = await preview_policy(house.context, project_id=project.project_id, last=body.last)
    return policy_preview_out(change, actor)


@router.post("/api/policy/accept")
async def accept_project_policy(
    body: wire.AcceptPolicyIn, house: HouseIn, actor: ActorIn
) -> wire.AcceptedPolicyOut:
    """Puts the policy files that lie in the project's workspace now in force, after every check of them."""
    project = await find_project(house, actor, body.project_id)
    accepted = await accept_policy(
        house.context, project_id=project.project_id, actor=actor, seen_digest=body.digest
    )
    return wire.AcceptedPolicyOut(
        project_id=accepted.project_id,
        digest=accepted.digest,
        posture=accepted.posture,
        rules=list(accepted.rules),
        note=accepted.note,
    )


@router.post("/api/policy/organisation/preview")
async def preview_organisation_policy(
    body: wire_policy.OrganisationPreviewIn, house: HouseIn, actor: ActorIn
) -> wire_policy.OrganisationPreviewOut:
    """What accepting the organisation's files that lie in the home now would change; writes nothing."""
    require_project(actor, "every project")
    return organisation_preview_out(await preview_organisation(house.context, last=body.last), actor)


@router.post("/api/policy/organisation/accept")
async def accept_organisation_policy(
    body: wire_policy.AcceptOrganisationIn, house: HouseIn, actor: ActorIn
) -> wire_policy.AcceptedOrganisationOut:
    """Puts the organisation's files that lie in the home now in force, after every check of them."""
    require_project(actor, "every project")
    digest, previous, rules = await accept_organisation(house.context, actor=actor, seen_digest=body.digest)
    return wire_policy.AcceptedOrganisationOut(digest=digest, previous_digest=previous, rules=list(rules))


@router.post("/api/policy/proposals")
async def propose_rules(body: wire.RememberIn, house: HouseIn, actor: ActorIn) -> wire.RememberPreviewOut:
    """Shows what would be remembered from a run, and which of the last 200 runs it would have covered."""
    await project_of_run(house, actor, body.run_id)
    preview = await preview_rules(house.context, run_id=body.run_id, days=body.days, actor=actor)
    return await _preview_out(house, preview, body.run_id, actor)


@router.get("/api/policy/remembered")
async def list_remembered(
    house: HouseIn, project: ProjectQuery, actor: ActorIn
) -> list[wire.RememberedRuleOut]:
    now = render_time(house.context.clock.now())
    rules = await house.context.ledger.for_project(project.project_id).remembered_rules()
    return [remembered_out(rule, actor, is_in_force=rule.is_in_force(now)) for rule in rules]


@router.post("/api/policy/remembered", status_code=201)
async def remember(body: wire.RememberIn, house: HouseIn, actor: ActorIn) -> wire.RememberPreviewOut:
    """Remembers what a proposal from the same run shows."""
    await project_of_run(house, actor, body.run_id)
    preview = await remember_rules(house.context, run_id=body.run_id, days=body.days, actor=actor)
    return await _preview_out(house, preview, body.run_id, actor)


@router.delete("/api/policy/remembered/{rule_id}", status_code=204)
async def forget(rule_id: str, house: HouseIn, project: ProjectQuery, actor: ActorIn) -> Response:
    await forget_rule(house.context, project_id=project.project_id, rule_id=rule_id, actor=actor)
    return Response(status_code=204)


async def _preview_out(house: House, preview: Preview, run_id: str, actor: Actor) -> wire.RememberPreviewOut:
    ledger = house.context.ledger
    project = await ledger.project(await ledger.project_of_run(run_id))
    run = await ledger.for_project(project.project_id).run(run_id)
    notice = ""
    if not actor.has(Role.ADMIN):
        notice = "An admin remembers it; you see what it would be."
    elif project.forbid_self_approval and await is_own_run(house.context, run, actor):
        notice = "The project asks for a second person, and this is your own request: another admin may."
    return wire.RememberPreviewOut(
        rules=[remembered_out(rule, actor, is_in_force=True) for rule in preview.rules],
        covered=[wire.CoveredRunOut(run_id=run.run_id, command=run.command) for run in preview.covered],
        looked_at=preview.looked_at,
        notice=notice,
        moves=[] if notice else ["remember"],
    )
