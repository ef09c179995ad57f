"""A phase is switched on while its gates pass, or by an admin's override; a canary has people and a span."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.engine import House, open_engine_house
from workbench.engine.submit import submit
from workbench.engine.switch import GatesNotPassed, set_switch
from workbench.gate.switches import CONNECTORS, LOCAL
from workbench.ledger.ledger import HOUSE
from workbench.model.actor import Actor, Role
from workbench.model.admission import SwitchState
from workbench.model.clock import render_time
from workbench.model.command import Command
from workbench.model.entry_gate import EntryGate, GateState
from workbench.model.errors import InvalidInput, NotAllowed
from workbench.model.statuses import BlockedBy

ANN = Actor(name="user:ann", role=Role.ADMIN, via="cli")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_engine_house(f"sqlite:///{tmp_path}/ledger.db", tmp_path) as opened:
        yield opened


def with_gates(house: House, *states: GateState, phase: str = LOCAL) -> House:
    """The same house, with gates of a phase that stand like this."""

    async def gates(_project_id: str) -> list[EntryGate]:
        return [
            EntryGate(gate_id=f"g{number}", phase=phase, text="", state=state, evidence=f"seen {number}")
            for number, state in enumerate(states)
        ]

    return House(replace(house.context, entry_gates=gates), house.project, house.clock)


async def put(house: House, state: SwitchState, name: str = LOCAL, actor: Actor = ANN, **more: Any) -> None:
    await set_switch(house.context, name=name, state=state, actor=actor, reason="a test", **more)


async def is_let_in(house: House, name: str = "user:bob") -> bool:
    actor = Actor(name=name, role=Role.OPERATOR, via="cli")
    run = await submit(
        house.context, project_id="prj_1", command=Command(source_text="ls", cwd=""), actor=actor
    )
    assert run.blocked_by in (None, BlockedBy.SWITCH)
    return run.blocked_by is None


@pytest.mark.parametrize("state", [SwitchState.ON, SwitchState.CANARY])
@pytest.mark.parametrize("gates", [("pass", "fail"), ("not_enough_data",), ()])
async def test_with_a_gate_that_does_not_pass_a_phase_is_not_switched_on(
    house: House, state: SwitchState, gates: tuple[GateState, ...]
) -> None:
    house = with_gates(house, *gates)
    people = ("ann",) if state is SwitchState.CANARY else ()
    before = await house.context.ledger.switches()
    with pytest.raises(GatesNotPassed, match="no_evidence" if not gates else f"g{len(gates) - 1}"):
        await put(house, state, CONNECTORS if not gates else LOCAL, people=people)
    assert await house.context.ledger.switches() == before


async def test_with_gates_that_pass_it_is_and_off_needs_none(house: House) -> None:
    failing = with_gates(house, "fail")
    await put(failing, SwitchState.OFF)
    assert not await is_let_in(failing)
    passing = with_gates(house, "pass", "pass")
    await put(passing, SwitchState.ON)
    assert await is_let_in(passing)
    assert (await house.context.ledger.switches())[0].overridden == ()


async def test_an_admins_override_is_recorded_with_what_each_gate_said(house: House) -> None:
    house = with_gates(house, "pass", "fail", "not_enough_data")
    with pytest.raises(NotAllowed):
        await put(house, SwitchState.ON, actor=replace(ANN, role=Role.APPROVER), is_override=True)
    await put(house, SwitchState.ON, project_id="prj_1", is_override=True)
    record = next(each for each in await house.context.ledger.switches() if each.project_id == "prj_1")
    assert [(gate.gate_id, gate.project_id, gate.state, gate.evidence) for gate in record.overridden] == [
        ("g1", "prj_1", "fail", "seen 1"),
        ("g2", "prj_1", "not_enough_data", "seen 2"),
    ]
    event = (await house.context.ledger.for_project(HOUSE).events())[-1]
    assert (event.tag, event.actor, event.payload["reason"]) == ("switch:set", "user:ann", "a test")
    assert [gate["state"] for gate in event.payload["gates"]] == ["pass", "fail", "not_enough_data"]
    assert (await house.context.ledger.verify()).ok


async def test_for_all_projects_the_gates_of_each_are_asked(house: House) -> None:
    await house.put(replace(house.project, project_id="prj_2", workspace_root="/srv/two"))

    async def gates(project_id: str) -> list[EntryGate]:
        state: GateState = "fail" if project_id == "prj_2" else "pass"
        return [EntryGate(gate_id="g", phase=LOCAL, text="", state=state, evidence="")]

    house = House(replace(house.context, entry_gates=gates), house.project, house.clock)
    with pytest.raises(GatesNotPassed, match="g of prj_2"):
        await put(house, SwitchState.ON)
    await put(house, SwitchState.ON, project_id="prj_1")


async def test_a_canary_is_on_for_its_people_alone_by_whatever_token_they_come(house: House) -> None:
    await house.give_token("token:bob-phone", Role.OPERATOR, person="bob")
    await put(house, SwitchState.CANARY, people=("Bob",), is_override=True)
    assert await is_let_in(house, "user:bob")
    assert await is_let_in(house, "token:bob-phone")
    assert not await is_let_in(house, "user:ann")
    await put(house, SwitchState.CANARY, people=("user:ann",), is_override=True)
    assert await is_let_in(house, "user:ann")
    assert not await is_let_in(house, "token:bob-phone")


async def test_a_span_begins_and_ends_by_itself(house: House) -> None:
    moments = []
    for seconds in (60, 120):
        house.clock.advance(seconds)
        moments.append(render_time(house.clock.now()))
        house.clock.advance(-seconds)
    await put(house, SwitchState.ON, since=moments[0], until=moments[1], is_override=True)
    seen = []
    for _ in range(4):
        seen.append(await is_let_in(house))
        house.clock.advance(59)
    assert seen == [False, False, True, False]


@pytest.mark.parametrize(
    ("state", "more"),
    [
        (SwitchState.CANARY, {}),
        (SwitchState.CANARY, {"people": ("",)}),
        (SwitchState.CANARY, {"people": ("ann,bob",)}),
        (SwitchState.CANARY, {"people": tuple(f"p{number}" for number in range(201))}),
        (SwitchState.ON, {"people": ("ann",)}),
        (SwitchState.OFF, {"people": ("ann",)}),
        (SwitchState.ON, {"since": "2026-01-03T00:00:00Z", "until": "2026-01-02T23:00:00Z"}),
        (SwitchState.ON, {"since": "2025-01-03T00:00:00Z"}),
    ],
)
async def test_people_and_spans_that_mean_nothing_are_refused(
    house: House, state: SwitchState, more: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput):
        await put(house, state, is_override=True, **more)
