"""A breached entry gate sets its phase off for that project, at the second look that finds it so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from support.engine import House, open_engine_house
from workbench.engine.submit import submit
from workbench.engine.switch import set_switch
from workbench.gate.switches import LOCAL
from workbench.ledger.database import open_engine
from workbench.ledger.ledger import HOUSE
from workbench.model.actor import Actor, Role
from workbench.model.admission import SwitchState
from workbench.model.command import Command
from workbench.model.entry_gate import EntryGate, GateState, OverriddenGate, is_worse
from workbench.model.statuses import BlockedBy
from workbench.program.canary import roll_back, watch

ANN = Actor(name="user:ann", role=Role.ADMIN, via="cli")
NOTHING: frozenset[tuple[str, str]] = frozenset()
BREACH = ("prj_1", "audit_storage")


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: what is rolled back does not depend on the database."""
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with open_engine_house(database_url, tmp_path) as opened:
        (tmp_path / "two").mkdir()
        await opened.put(replace(opened.project, project_id="prj_2", workspace_root=str(tmp_path / "two")))
        await run_in(opened, "prj_1")
        yield opened


async def run_in(house: House, project_id: str) -> BlockedBy | None:
    command = Command(source_text="ls", cwd="")
    return (await submit(house.context, project_id=project_id, command=command, actor=ANN)).blocked_by


def damage(url: str, *, mended: bool = False) -> None:
    """Changes what the ledger recorded of project 1, so that its audit log does not hold any more."""
    actor = "user:ann" if mended else "user:mallory"
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE execution_events SET actor = :actor WHERE project_id = 'prj_1' AND seq = 1"),
            {"actor": actor},
        )
    engine.dispose()


async def set_by(house: House) -> list[tuple[str, str, str]]:
    return [
        (each.project_id, each.state or "", each.changed_by) for each in await house.context.ledger.switches()
    ]


async def test_a_gate_that_fails_twice_sets_the_phase_off_in_that_project_alone(
    house: House, database_url: str
) -> None:
    assert await roll_back(house.context, NOTHING) == NOTHING
    damage(database_url)
    seen = await roll_back(house.context, NOTHING)
    assert seen == {BREACH}
    assert await set_by(house) == [("", "on", "engine")]
    assert await roll_back(house.context, seen) == {BREACH}
    assert await set_by(house) == [("", "on", "engine"), ("prj_1", "off", "engine")]
    event = (await house.context.ledger.for_project(HOUSE).events())[-1]
    assert (event.tag, event.actor) == ("switch:set", "engine")
    assert event.payload["reason"].startswith("rolled back, as an entry gate fails: audit_storage: ")
    assert await run_in(house, "prj_1") is BlockedBy.SWITCH
    assert await run_in(house, "prj_2") is None


async def test_a_gate_that_fails_once_and_passes_again_changes_nothing(
    house: House, database_url: str
) -> None:
    damage(database_url)
    seen = await roll_back(house.context, NOTHING)
    damage(database_url, mended=True)
    assert await roll_back(house.context, seen) == NOTHING
    damage(database_url)
    assert await roll_back(house.context, NOTHING) == {BREACH}
    assert await set_by(house) == [("", "on", "engine")]


async def test_what_was_overridden_as_failing_stays_on_and_what_is_set_meanwhile_is_not_overruled(
    house: House, database_url: str
) -> None:
    damage(database_url)
    await set_switch(
        house.context,
        name=LOCAL,
        state=SwitchState.CANARY,
        people=("ann",),
        actor=ANN,
        reason="known: the disk was restored",
        project_id="prj_1",
        is_override=True,
    )
    assert await roll_back(house.context, frozenset({BREACH})) == NOTHING
    assert ("prj_1", "canary", "user:ann") in await set_by(house)


async def test_the_watch_goes_on_by_itself(house: House, database_url: str) -> None:
    damage(database_url)
    watching = asyncio.create_task(watch(house.context, pause_seconds=0.01))
    try:
        async with asyncio.timeout(30):
            while ("prj_1", "off", "engine") not in await set_by(house):
                await house.context.ledger.wait_change(0.05)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


@pytest.mark.parametrize(
    ("state", "measure", "before", "worse"),
    [
        ("pass", 5, None, False),
        ("not_enough_data", 5, None, False),
        ("fail", None, None, True),
        ("fail", 3, ("not_enough_data", None), True),
        ("fail", None, ("fail", None), False),
        ("fail", 3, ("fail", 3), False),
        ("fail", 4, ("fail", 3), True),
        ("fail", 2, ("fail", 3), False),
        ("fail", 4, ("fail", None), False),
    ],
)
def test_an_overridden_gate_counts_once_it_is_worse(
    state: GateState, measure: int | None, before: tuple[GateState, int | None] | None, worse: bool
) -> None:
    gate = EntryGate(gate_id="g", phase=LOCAL, text="", state=state, evidence="", measure=measure)
    known = before and OverriddenGate(
        project_id="prj_1", gate_id="g", state=before[0], evidence="", measure=before[1]
    )
    assert is_worse(gate, known) is worse
