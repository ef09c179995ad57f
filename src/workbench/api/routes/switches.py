"""The phases' switches and the kill switch."""

from __future__ import annotations

import contextlib
from typing import Annotated, Final

from fastapi import APIRouter, Query

from workbench.api import wire_house
from workbench.api.house import ActorIn, House, HouseIn, may_see, require_project, require_scope
from workbench.engine.flags import pick_switch, state_at
from workbench.engine.look import ask_flags, read_kill, read_kill_file
from workbench.engine.operate import set_kill
from workbench.engine.switch import SWITCHES, set_switch
from workbench.gate.switches import LEDGER, LOCAL
from workbench.ledger.reads import KillRecord
from workbench.ledger.rows import SwitchRecord
from workbench.model.actor import Actor, Role
from workbench.model.admission import SwitchAnswer, SwitchState
from workbench.model.clock import render_time
from workbench.model.errors import NotAllowed, WorkbenchError

router = APIRouter()

_STRICTEST_FIRST: Final = (SwitchState.OFF, SwitchState.CANARY, SwitchState.ON)


@router.get("/api/switches")
async def list_switches(
    house: HouseIn, actor: ActorIn, project_id: Annotated[str | None, Query(max_length=100)] = None
) -> list[wire_house.SwitchOut]:
    """The phases' switches as a project sees them, or, without one, as those see them that set none.

    A source that is plugged in is asked for a project alone, about whoever asks.
    """
    await _require_known(house, actor, project_id)
    records = await house.context.ledger.switches()
    async with contextlib.AsyncExitStack() as turn:
        if project_id and house.context.flags.has_own:
            # Who only looks must not keep a slow source from those who are to start something.
            await turn.enter_async_context(house.context.inspections.take(project_id))
        return [await _show(house, actor, name, records, project_id) for name in SWITCHES]


@router.put("/api/switches")
async def put_switch(body: wire_house.SwitchIn, house: HouseIn, actor: ActorIn) -> wire_house.SwitchOut:
    require_scope(actor, body.project_id)
    await set_switch(
        house.context,
        name=body.name,
        state=SwitchState(body.state),
        actor=actor,
        reason=body.reason,
        project_id=body.project_id,
        since=body.since,
        until=body.until,
        people=tuple(body.people),
        is_override=body.override,
    )
    records = await house.context.ledger.switches()
    return await _show(house, actor, body.name, records, body.project_id)


@router.get("/api/kill")
async def get_kill(
    house: HouseIn, actor: ActorIn, project_id: Annotated[str | None, Query(max_length=100)] = None
) -> wire_house.KillOut:
    await _require_known(house, actor, project_id)
    return await _kill_now(house, project_id, None)


@router.post("/api/kill")
async def post_kill(body: wire_house.KillIn, house: HouseIn, actor: ActorIn) -> wire_house.KillOut:
    require_scope(actor, body.project_id)
    if not body.engaged and not actor.has(Role.ADMIN):
        raise NotAllowed(
            "anyone who operates may stop things; only an admin may let them go on",
            remedy="ask an admin to release the kill switch",
        )
    stopping = await set_kill(
        house.context,
        engaged=body.engaged,
        actor=actor,
        reason=body.reason,
        project_id=body.project_id,
        connector=body.connector,
        stop_running=body.stop_running,
    )
    after = await _kill_now(house, body.project_id, body.connector)
    after.stopping = list(stopping)
    return after


async def _kill_now(house: House, project_id: str | None, connector: str | None) -> wire_house.KillOut:
    """Returns what stops starts in this scope, the file before a record."""
    reason = await read_kill(house.context, project_id, connector)
    if reason is None:
        return wire_house.KillOut(engaged=False, scope="", reason="", by="", at="")
    if read_kill_file(house.context.kill_file) is None:
        with contextlib.suppress(WorkbenchError):
            for record in await house.context.ledger.kill_records():
                if record.engaged and record.scope in (
                    "all",
                    f"project:{project_id}",
                    f"connector:{connector}",
                ):
                    return _kill_out(record)
    return wire_house.KillOut(engaged=True, scope="all", reason=reason, by="", at="")


async def _show(
    house: House, actor: Actor, name: str, records: list[SwitchRecord], project_id: str | None
) -> wire_house.SwitchOut:
    context = house.context
    now = render_time(context.clock.now())
    record = pick_switch(records, name, project_id or "")
    if project_id:
        answers = await ask_flags(
            context,
            await context.ledger.project(project_id),
            name,
            records=records,
            connector="local" if name == LOCAL else "",
            actor=actor.name,
            now=now,
        )
    else:
        answers = (SwitchAnswer(source=LEDGER, state=state_at(record, now)),)
    strictest = min((each.state or SwitchState.OFF for each in answers), key=_STRICTEST_FIRST.index)
    return wire_house.SwitchOut(
        name=name,
        project_id=(record.project_id or None) if record else None,
        state=((record.state if record else None) or SwitchState.OFF).value,
        effective_state=strictest.value,
        since=record.since if record else None,
        until=record.until if record else None,
        people=list(record.people) if record else [],
        reason=record.reason if record else "never set: off is the safe value",
        changed_by=record.changed_by if record else "",
        changed_at=record.changed_at if record else "",
        sources=[
            wire_house.SwitchSourceOut(
                source=answer.source,
                state=None if answer.state is None else answer.state.value,
                problem=answer.problem,
            )
            for answer in answers
        ],
        overridden=[
            wire_house.OverriddenGateOut(
                project_id=gate.project_id, gate_id=gate.gate_id, state=gate.state, evidence=gate.evidence
            )
            for gate in (record.overridden if record else ())
            if gate.state != "pass" and may_see(actor, gate.project_id or project_id or "")
        ],
    )


async def list_engaged(house: House, actor: Actor) -> list[wire_house.KillOut]:
    """Returns every engaged kill switch that this actor may know of, the file first."""
    found = []
    if (text := read_kill_file(house.context.kill_file)) is not None:
        found.append(wire_house.KillOut(engaged=True, scope="all", reason=text, by="", at=""))
    for record in await house.context.ledger.kill_records():
        scoped = record.scope.removeprefix("project:") if record.scope.startswith("project:") else None
        if record.engaged and (scoped is None or may_see(actor, scoped)):
            found.append(_kill_out(record))
    return found


def _kill_out(record: KillRecord) -> wire_house.KillOut:
    return wire_house.KillOut(
        engaged=True,
        scope=record.scope,
        reason=record.reason,
        by=record.changed_by,
        at=record.changed_at,
    )


async def _require_known(house: House, actor: Actor, project_id: str | None) -> None:
    """A project that is named must be there, and within the token's reach."""
    if project_id:
        require_project(actor, project_id)
        await house.context.ledger.project(project_id)
