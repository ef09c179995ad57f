"""Connectors, secrets, tokens, the server itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Response

from workbench.api import wire, wire_house
from workbench.api.house import ActorIn, House, HouseIn, ProjectQuery, may_see, require_project, require_scope
from workbench.api.routes.switches import list_engaged
from workbench.engine.accept import policy_note
from workbench.engine.check_room import check_room
from workbench.engine.operate import normalize_deadline, note
from workbench.engine.organisation import organisation_note
from workbench.model.actor import Actor, Role, person_named
from workbench.model.errors import NotAllowed, NotFound, WorkbenchError
from workbench.model.people import person_of
from workbench.model.worker import Worker, WorkerState
from workbench.secrets.vault import SecretInfo

router = APIRouter()


@router.get("/api/me")
async def get_me(house: HouseIn, actor: ActorIn) -> wire.MeOut:
    return wire.MeOut(
        actor=actor.name,
        person=person_of(actor),
        role=actor.role.value,
        version=house.version,
        home=house.home,
    )


@router.get("/api/status")
async def get_status(house: HouseIn, actor: ActorIn) -> wire_house.StatusOut:
    ledger = house.context.ledger
    projects = await ledger.projects()
    workers = await ledger.workers()
    problem = ""
    try:
        await check_room(house.context)
    except WorkbenchError as error:
        problem = f"{error.message}; {error.remedy}"
    return wire_house.StatusOut(
        pid=house.pid,
        url=house.url,
        version=house.version,
        ready=not problem,
        problem=problem,
        projects=len(projects),
        workers=sum(worker.state is WorkerState.LIVE for worker in workers) or 1,
        worker_list=[_worker_out(worker) for worker in workers],
        open_runs=len(await ledger.open_runs()),
        connectors=[
            wire_house.ConnectorStateOut(connector_id=connector_id, is_ready=not problems, problems=problems)
            for connector_id, problems in await _list_problems(house)
        ],
        kills=await list_engaged(house, actor),
        policy_notes=[
            *([f"the organisation: {wrong}"] if (wrong := await organisation_note(house.context)) else []),
            *(
                f"{project.name}: {note}"
                for project in projects
                if may_see(actor, project.project_id) and (note := policy_note(house.context.policy, project))
            ),
        ],
        notices=await _list_notices(house, actor),
        storing=wire_house.StoringOut(
            url=(storing := house.context.storing).url,
            waiting=len(storing.waiting),
            problem=storing.problem,
            remedy=storing.remedy,
        ),
    )


def _worker_out(worker: Worker) -> wire_house.WorkerOut:
    # What leads to the worker's own door is nobody's to see.
    shown = {name: getattr(worker, name) for name in wire_house.WorkerOut.model_fields}
    return wire_house.WorkerOut(**shown)


@router.get("/api/connectors")
async def list_connectors(house: HouseIn) -> list[wire_house.ConnectorOut]:
    connectors = house.context.connectors
    return [
        wire_house.ConnectorOut(
            connector_id=connector_id,
            capabilities=wire_house.CapabilitiesOut(**asdict(connectors[connector_id].capabilities)),
            is_ready=not problems,
            problems=problems,
        )
        for connector_id, problems in await _list_problems(house)
    ]


async def _list_problems(house: House) -> list[tuple[str, list[wire_house.ConfigProblemOut]]]:
    """Asks every connector what keeps it from starting anything now, each with its remedy."""
    return [
        (
            connector_id,
            [
                wire_house.ConfigProblemOut(code=p.code, message=p.message, remedy=p.remedy)
                for p in await connector.validate_config()
            ],
        )
        for connector_id, connector in sorted(house.context.connectors.items())
    ]


@router.get("/api/secrets")
async def list_secrets(house: HouseIn, project: ProjectQuery) -> list[wire_house.SecretOut]:
    return [_secret(info) for info in house.context.vault.list(project.project_id)]


@router.post("/api/secrets", status_code=201)
async def put_secret(body: wire_house.SecretIn, house: HouseIn, actor: ActorIn) -> wire_house.SecretOut:
    require_project(actor, body.project_id)
    await house.context.ledger.project(body.project_id)
    info = house.context.vault.put(body.project_id, body.name, body.value, actor=actor.name)
    await note(
        house.context,
        tag="secret:set",
        actor=actor,
        payload={"project_id": body.project_id, "name": body.name, "version": info.version},
    )
    return _secret(info)


@router.delete("/api/secrets", status_code=204)
async def remove_secret(
    house: HouseIn, project: ProjectQuery, actor: ActorIn, name: Annotated[str, Query(max_length=200)]
) -> Response:
    house.context.vault.remove(project.project_id, name)
    await note(
        house.context,
        tag="secret:removed",
        actor=actor,
        payload={"project_id": project.project_id, "name": name},
    )
    return Response(status_code=204)


@router.get("/api/tokens")
async def list_tokens(house: HouseIn, actor: ActorIn) -> list[wire_house.TokenOut]:
    return [
        wire_house.TokenOut(
            token_id=t.token_id,
            kind=t.kind,
            actor=t.actor,
            role=t.role,
            project_id=t.project_id,
            created_at=t.created_at,
            expires_at=t.expires_at,
            revoked_at=t.revoked_at,
            person=t.person or person_named(t.actor),
        )
        for t in await house.context.ledger.access_tokens()
        if actor.project_id is None or t.project_id == actor.project_id
    ]


@router.post("/api/tokens", status_code=201)
async def create_token(body: wire_house.TokenIn, house: HouseIn, actor: ActorIn) -> wire_house.NewTokenOut:
    require_scope(actor, body.project_id)
    if body.project_id is not None:
        await house.context.ledger.project(body.project_id)
    expires_at = body.expires_at
    if expires_at is not None:
        expires_at = normalize_deadline(expires_at, "expires_at", now=house.context.clock.now())
    await _require_nobody_else(house, actor, body)
    made = await house.access.create_token(
        actor=f"token:{body.name}",
        role=Role(body.role),
        by=actor,
        project_id=body.project_id,
        expires_at=expires_at,
        person=body.person,
    )
    return wire_house.NewTokenOut(
        token_id=made.token_id, token=made.token, role=made.role.value, person=made.person
    )


@router.delete("/api/tokens/{token_id}", status_code=204)
async def revoke_token(token_id: str, house: HouseIn, actor: ActorIn) -> Response:
    if token_id not in {token.token_id for token in await list_tokens(house, actor)}:
        raise NotFound(f"there is no token {token_id}", remedy="list them: workbench token list")
    await house.access.revoke(token_id, by=actor)
    return Response(status_code=204)


@router.post("/api/links", status_code=201)
async def create_link(house: HouseIn, actor: ActorIn) -> wire_house.LinkOut:
    """A one-time link signs a browser in as the actor that asked for it."""
    return wire_house.LinkOut(url=f"{house.url}/auth/{house.access.create_link(actor)}")


@router.post("/api/down", status_code=202)
async def stop_server(house: HouseIn, actor: ActorIn) -> wire_house.StatusOut:
    """Stops the server; what runs in the sandbox goes on, and the next server adopts it."""
    require_scope(actor, None)
    status = await get_status(house, actor)
    house.stop()
    return status


async def _list_notices(house: House, actor: Actor) -> list[wire_house.NoticeTargetOut]:
    """Returns the targets of notices, without one for a project that this actor may not see."""
    projects = [each for each in await house.context.ledger.projects() if may_see(actor, each.project_id)]
    found = []
    for state in house.notices():
        told = None
        if state.project:
            told = [each.project_id for each in projects if state.project in (each.project_id, each.name)]
            if not told and actor.project_id is not None:
                continue
        found.append(wire_house.NoticeTargetOut(name=state.name, problem=state.problem, project_ids=told))
    return found


async def _require_nobody_else(house: House, actor: Actor, body: wire_house.TokenIn) -> None:
    """An admin of one project makes no token of somebody who is known beyond it, or is named among those who
    approve there: they would decide as somebody else."""
    if actor.project_id is None:
        return
    ledger = house.context.ledger
    tokens = await ledger.access_tokens()
    project = await ledger.project(actor.project_id)
    named = {name for rule in project.approvers for name in rule.people}
    taken = {
        token.person or person_named(token.actor)
        for token in tokens
        if token.project_id != actor.project_id or token.actor in named
    } | {person_named(name) for name in named}
    wanted = {person_named(body.person or body.name)}
    wanted |= {token.person for token in tokens if token.actor == f"token:{body.name}" and token.person}
    if others := sorted((wanted & taken) - {person_of(actor)}):
        raise NotAllowed(
            f"{others[0]} is known beyond this project, or named among its approvers",
            remedy="ask an admin of the whole server for a token of theirs, or choose another name",
        )


def _secret(info: SecretInfo) -> wire_house.SecretOut:
    return wire_house.SecretOut(
        name=info.name,
        project_id=info.project_id,
        version=info.version,
        created_at=info.created_at,
        created_by=info.created_by,
    )
