"""The ends that came while no server was there are recorded before anything is driven, within a bound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.contextvars import bound_contextvars, get_contextvars

from support.engine import House, Notebook, open_engine_house
from workbench.connectors.contract import DispatchRequest, ExternalRef, Snapshot
from workbench.engine.drive import drive
from workbench.engine.recover import settle
from workbench.engine.submit import submit
from workbench.model.actor import Actor, Role
from workbench.model.command import Command
from workbench.model.statuses import RunStatus

ANN = Actor(name="user:ann", role=Role.ADMIN, via="cli")


class Held(Notebook):
    """Says nothing about the steps that it holds, nor about any step to a driver."""

    def __init__(self) -> None:
        super().__init__()
        self.is_driven = True
        self.held: set[str] = set()
        self.asked = asyncio.Event()

    async def observe(self, ref: ExternalRef) -> AsyncIterator[Snapshot]:
        if self.is_driven:
            self.asked.set()
            await asyncio.get_running_loop().create_future()
        yield await self.snapshot(ref)

    async def snapshot(self, ref: ExternalRef) -> Snapshot:
        if ref.external_run_id in self.held:
            await asyncio.get_running_loop().create_future()
        return await super().snapshot(ref)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_engine_house(f"sqlite:///{tmp_path}/ledger.db", tmp_path) as opened:
        yield opened


async def leave_running(house: House, connector: Held) -> str:
    """Leaves a run as a killed server does: running in the ledger, and driven by nobody."""
    run = await submit(
        house.context, project_id="prj_1", command=Command(source_text="echo x", cwd=""), actor=ANN
    )
    connector.asked.clear()
    driver = asyncio.create_task(drive(house.context, "prj_1", run.run_id))
    await connector.asked.wait()
    driver.cancel()
    await asyncio.gather(driver, return_exceptions=True)
    house.context.run_locks.clear()
    return run.run_id


async def test_one_step_of_which_nothing_is_known_keeps_no_server_from_starting(house: House) -> None:
    connector = Held()
    house.context.connectors["local"] = connector  # type: ignore[index]
    reads = house.context.ledger.for_project("prj_1")
    first, second, third = [await leave_running(house, connector) for _ in range(3)]
    connector.is_driven = False
    (step,) = (await reads.run_with_steps(second))[1]
    connector.held = {step.external_run_id or ""}
    # It comes back, and what is left is left to the driver.
    await settle(house.context, within_seconds=0.05)
    assert (await reads.run(second)).status is RunStatus.RUNNING
    # None of the others waits for it.
    settling = asyncio.create_task(settle(house.context, within_seconds=3600.0))
    while {(await reads.run(run_id)).status for run_id in (first, third)} != {RunStatus.SUCCEEDED}:
        await asyncio.sleep(0)
    assert not settling.done()
    connector.held.clear()
    for task in (settling, *house.context.background):
        task.cancel()
    await asyncio.gather(settling, *house.context.background, return_exceptions=True)
    await drive(house.context, "prj_1", second)
    assert (await reads.run(second)).status is RunStatus.SUCCEEDED


async def test_what_is_logged_after_a_drive_names_no_run_and_no_step_of_it(house: House) -> None:
    during: dict[str, object] = {}

    class Noting(Notebook):
        async def dispatch(self, request: DispatchRequest) -> ExternalRef:
            during.update(get_contextvars())
            return await super().dispatch(request)

    house.context.connectors["local"] = Noting()  # type: ignore[index]
    command = Command(source_text="echo x", cwd="")
    with bound_contextvars(kept="yes"):
        run = await submit(house.context, project_id="prj_1", command=command, actor=ANN)
        await drive(house.context, "prj_1", run.run_id)
        assert get_contextvars() == {"kept": "yes"}
    (step,) = (await house.context.ledger.for_project("prj_1").run_with_steps(run.run_id))[1]
    told = {"kept": "yes", "project_id": "prj_1", "run_id": run.run_id, "step_id": step.step_id}
    assert during == told
