"""What is used of DBOS where several share its queues: a limit of each process's own, and taking over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from support.clock import ToldClock
from workbench.app.clock import new_sortable_id
from workbench.engine.durable import Durable, Shared
from workbench.ledger.lease import Lease, boot_seconds
from workbench.ledger.ledger import Ledger
from workbench.ledger.move import CreateRun, JoinWorker
from workbench.model.command import Command
from workbench.model.moves import RunMove
from workbench.model.place import Place, RunPriority
from workbench.model.plan import single_command


class Endless:
    """Notes which runs it was asked to drive, and ends one when it is told to."""

    def __init__(self) -> None:
        self.began: asyncio.Queue[str] = asyncio.Queue()
        self.ends: dict[str, asyncio.Event] = {}

    async def __call__(self, _project_id: str, run_id: str) -> None:
        self.ends[run_id] = asyncio.Event()
        self.began.put_nowait(run_id)
        await self.ends[run_id].wait()

    async def next(self) -> str:
        async with asyncio.timeout(30):
            return await self.began.get()


@pytest.fixture
async def ledger(postgres_url: str, clock: ToldClock) -> AsyncIterator[Ledger]:
    opened = Ledger(postgres_url, clock)
    await opened.open()
    # With others waiting, none begins without the queue.
    for number in range(2):
        plan = single_command(Command(source_text="true", cwd="/ws"))
        move = CreateRun(run_id=f"run_{number}", move=RunMove.ADMIT, plan=plan, requested_by="user:ann")
        await opened.append("prj_a", [move], actor="user:ann", via="cli")
    yield opened
    await opened.close()


@asynccontextmanager
async def process(
    ledger: Ledger, url: str, home: Path, worker_id: str, places: int, *, has_ground: bool = True
) -> AsyncIterator[tuple[Durable, Lease, Endless]]:
    """The engine of one process on this PostgreSQL."""

    async def is_there(_project_id: str) -> bool:
        return has_ground

    place = JoinWorker(
        worker_id=worker_id, pool="default", host="h", version="1", concurrency=places, lease_seconds=600
    )
    await ledger.join(place)
    lease = Lease(url, seconds=600, on_renewed=lambda _id, _until: None)
    lease.begin(worker_id, asked_at=boot_seconds())
    shared = Shared(ledger=ledger, lease=lease, pool="default", has_ground=is_there)
    durable = Durable(database_url=url, state_home=home, new_id=new_sortable_id, places=places, shared=shared)
    drive = Endless()
    await durable.launch(drive)
    try:
        yield durable, lease, drive
    finally:
        await durable.close()
        await lease.close()


async def test_a_process_takes_what_it_has_places_for_in_the_order_of_priority_and_project(
    ledger: Ledger, postgres_url: str, tmp_path: Path
) -> None:
    async with process(ledger, postgres_url, tmp_path, "wrk_a", 1) as (durable, lease, drive):
        await durable.start("prj_a", "run_first")
        assert await drive.next() == "run_first"
        for number in range(3):
            await durable.start("prj_a", f"run_a{number}")
        await durable.start("prj_b", "run_b0")
        await durable.start("prj_a", "run_low", place=Place(priority=RunPriority.LOW))
        await durable.start("prj_a", "run_high", place=Place(priority=RunPriority.HIGH))
        assert drive.began.empty(), "its one place is taken"
        order = []
        last = "run_first"
        for _ in range(6):
            drive.ends[last].set()
            last = await drive.next()
            assert drive.began.empty()
            order.append(last)
        assert order[0] == "run_high"
        assert order[-1] == "run_low"
        assert order.index("run_b0") <= 2
        assert [name for name in order if name.startswith("run_a")] == ["run_a0", "run_a1", "run_a2"]
        lease.end()
        drive.ends[last].set()
        await durable.start("prj_a", "run_late")
        assert "run_late" in await durable.awaited_runs()
        assert drive.began.empty(), "without its lease it takes nothing"


async def test_what_a_process_took_that_is_gone_goes_on_with_another(
    ledger: Ledger, postgres_url: str, tmp_path: Path
) -> None:
    async with process(ledger, postgres_url, tmp_path / "a", "wrk_a", 1) as (durable, lease, drive):
        await durable.start("prj_a", "run_taken")
        assert await drive.next() == "run_taken"
        await durable.start("prj_a", "run_waiting")
        # As one that is killed, it hands nothing back.
        lease.end()
    async with process(ledger, postgres_url, tmp_path / "b", "wrk_b", 4) as (durable, _, drive):
        assert await drive.next() == "run_waiting"
        await durable.move_on(frozenset({"wrk_a", "wrk_b"}))
        assert drive.began.empty(), "it may live still"
        await durable.move_on(frozenset({"wrk_b"}))
        await durable.move_on(frozenset({"wrk_b"}))
        assert await drive.next() == "run_taken"
        assert drive.began.empty()


async def test_what_a_process_took_that_ends_in_order_is_back_on_the_queue(
    ledger: Ledger, postgres_url: str, tmp_path: Path
) -> None:
    async with process(ledger, postgres_url, tmp_path / "a", "wrk_a", 1) as (durable, _, drive):
        await durable.start("prj_a", "run_taken")
        assert await drive.next() == "run_taken"
    async with process(ledger, postgres_url, tmp_path / "b", "wrk_b", 4) as (_, _, drive):
        assert await drive.next() == "run_taken"


async def test_who_has_not_the_projects_folder_passes_its_run_on(
    ledger: Ledger, postgres_url: str, tmp_path: Path
) -> None:
    async with process(ledger, postgres_url, tmp_path / "a", "wrk_a", 4, has_ground=False) as (
        durable,
        _,
        drive,
    ):
        await durable.start("prj_a", "run_1")
        assert "run_1" in await durable.awaited_runs()
        assert drive.began.empty()
    async with process(ledger, postgres_url, tmp_path / "b", "wrk_b", 4) as (durable, _, drive):
        await durable.move_on(frozenset({"wrk_b"}))
        assert await drive.next() == "run_1"
