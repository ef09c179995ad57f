"""Several processes on one PostgreSQL: whoever lost its place writes nothing more, whatever it does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, text

from support.clock import ToldClock
from workbench.ledger.append import append as append_in_transaction
from workbench.ledger.database import open_engine
from workbench.ledger.lease import Lease, boot_seconds
from workbench.ledger.ledger import HOUSE, Ledger
from workbench.ledger.move import (
    CreateRun,
    JoinWorker,
    LeaveWorker,
    LoseWorker,
    Move,
    MoveRun,
    Note,
    SetSwitch,
)
from workbench.ledger.worker_rows import beat
from workbench.model.admission import SwitchState
from workbench.model.command import Command
from workbench.model.errors import Conflict, LeaseLost
from workbench.model.moves import RunMove
from workbench.model.place import Place, RunPriority
from workbench.model.plan import single_command
from workbench.model.worker import WorkerState

NOTE: list[Move] = [Note(tag="notice:tried", payload={})]


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    opened = open_engine(postgres_url)
    yield opened
    opened.dispose()


@pytest.fixture
async def shared(postgres_url: str, clock: ToldClock) -> AsyncIterator[Ledger]:
    opened = Ledger(postgres_url, clock)
    await opened.open()
    yield opened
    await opened.close()


def place(worker_id: str, **given: Any) -> JoinWorker:
    return JoinWorker(
        worker_id=worker_id,
        **{"pool": "default", "host": "one", "version": "1", "concurrency": 4, "lease_seconds": 600, **given},
    )


@pytest.fixture
async def lease(shared: Ledger, postgres_url: str) -> AsyncIterator[Lease]:
    """The lease of worker wrk_a, under which `shared` writes."""
    asked_at = boot_seconds()
    await shared.join(place("wrk_a"))
    made = Lease(postgres_url, seconds=600, on_renewed=lambda _id, _until: None)
    made.begin("wrk_a", asked_at=asked_at)
    shared.fence(made)
    yield made
    await made.close()


async def _append(ledger: Ledger) -> None:
    await ledger.append(HOUSE, NOTE, actor="x", via="test")


async def _tags(ledger: Ledger) -> list[str]:
    return [event.tag for event in await ledger.for_project(HOUSE).events()]


async def test_who_was_taken_for_lost_writes_nothing_more(
    shared: Ledger, lease: Lease, postgres_url: str, clock: ToldClock
) -> None:
    await _append(shared)
    other = Ledger(postgres_url, clock)
    await other.append(HOUSE, [LoseWorker(worker_id="wrk_a", is_known=True)], actor="engine", via="engine")
    assert lease.is_held(), "it does not know yet"
    with pytest.raises(LeaseLost):
        await _append(shared)
    assert not lease.is_held(), "now it does"
    with pytest.raises(LeaseLost):
        await _append(shared)
    assert await _tags(other) == ["worker:joined", "notice:tried", "worker:lost"]
    assert (await other.verify()).ok
    await other.close()


async def test_a_write_under_way_comes_before_the_loss_and_later_ones_are_refused(
    shared: Ledger, lease: Lease, engine: Engine
) -> None:
    at = shared.now()

    def write(connection: Any, moves: list[Move], worker_id: str | None) -> None:
        append_in_transaction(
            connection, project_id=HOUSE, actor="x", via="t", at=at, moves=moves, worker_id=worker_id
        )

    with ThreadPoolExecutor(1) as pool, engine.connect() as slow, slow.begin() as transaction:
        write(slow, NOTE, "wrk_a")

        def lose() -> None:
            with engine.connect() as connection, connection.begin():
                write(connection, [LoseWorker(worker_id="wrk_a", is_known=True)], None)

        losing = pool.submit(lose)
        with engine.connect() as looking:
            # The loss waits for the write's lock; nothing else in this database waits.
            while not looking.execute(
                text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            ).scalar():
                looking.rollback()
        assert not losing.done()
        transaction.commit()
        losing.result(30)
    assert await _tags(shared) == ["worker:joined", "notice:tried", "worker:lost"]
    with pytest.raises(LeaseLost):
        await _append(shared)


async def test_a_heartbeat_waits_for_no_write(shared: Ledger, lease: Lease, engine: Engine) -> None:
    with engine.connect() as slow, slow.begin():
        append_in_transaction(
            slow, project_id=HOUSE, actor="x", via="t", at=shared.now(), moves=NOTE, worker_id="wrk_a"
        )
        with engine.connect() as beating, beating.begin():
            beating.execute(text("SET LOCAL lock_timeout = '5s'"))
            assert beat(beating, "wrk_a", ["prj_1"])
    (worker,) = await shared.workers()
    assert worker.grounds == ("prj_1",)


async def test_who_was_seen_meanwhile_is_not_lost(shared: Ledger, lease: Lease) -> None:
    with pytest.raises(Conflict, match="was seen meanwhile"):
        await shared.append(HOUSE, [LoseWorker(worker_id="wrk_a")], actor="engine", via="engine")
    await _append(shared)


async def test_a_worker_that_cannot_renew_knows_by_its_own_clock_that_its_lease_is_over(
    shared: Ledger, engine: Engine, postgres_url: str
) -> None:
    told: list[float] = []
    renewed = threading.Event()

    def on_renewed(_id: str, until: float) -> None:
        told.append(until)
        renewed.set()

    await shared.join(place("wrk_b"))
    lease = Lease(postgres_url, seconds=2, on_renewed=on_renewed)
    with engine.connect() as holding, holding.begin():
        # As long as this lasts, no heartbeat gets through.
        holding.execute(text("SELECT 1 FROM workers WHERE worker_id = 'wrk_b' FOR UPDATE"))
        begun = boot_seconds()
        lease.begin("wrk_b", asked_at=begun)
        shared.fence(lease)
        async with asyncio.timeout(30):
            await lease.wait_over()
        assert told[0] < begun + 2, "it is over before the others would say so"
        with pytest.raises(LeaseLost):
            await _append(shared)
    # The heartbeat that waited gets through now, and gives nothing back.
    with engine.connect() as waiting, waiting.begin():
        waiting.execute(text("SELECT 1 FROM workers WHERE worker_id = 'wrk_b' FOR UPDATE"))
    await lease.close()
    assert not lease.is_held()
    assert all(until <= told[0] for until in told)


async def test_a_place_is_taken_up_by_the_next_process_of_its_home_unless_it_is_gone(
    shared: Ledger, lease: Lease
) -> None:
    await shared.join(place("wrk_a", version="2"))
    (worker,) = await shared.workers()
    assert (worker.version, worker.state) == ("2", WorkerState.LIVE)
    await shared.append(HOUSE, [LeaveWorker(worker_id="wrk_a", is_over=True)], actor="wrk_a", via="worker")
    assert await shared.workers() == []
    with pytest.raises(Conflict):
        await shared.join(place("wrk_a"))
    with pytest.raises(LeaseLost):
        await _append(shared)


async def test_who_went_long_ago_is_forgotten(shared: Ledger, lease: Lease, engine: Engine) -> None:
    for worker_id in ("wrk_b", "wrk_c"):
        await shared.join(place(worker_id))
        await shared.append(
            HOUSE, [LoseWorker(worker_id=worker_id, is_known=True)], actor="engine", via="engine"
        )
    with engine.begin() as connection:
        old = "2020-01-01T00:00:00.000Z"
        connection.execute(
            text(f"UPDATE workers SET seen_at = '{old}' WHERE worker_id IN ('wrk_a', 'wrk_b')")
        )
    await shared.forget_workers()
    with engine.connect() as connection:
        left = connection.execute(text("SELECT worker_id FROM workers ORDER BY 1")).scalars().all()
    assert left == ["wrk_a", "wrk_c"]


async def test_a_project_with_one_run_does_not_wait_behind_another_with_a_thousand(shared: Ledger) -> None:
    usual, high = Place(), Place(priority=RunPriority.HIGH)
    assert await shared.take_rank(usual, "prj_c") == 1
    many = [await shared.take_rank(usual, "prj_a") for _ in range(50)]
    assert many == list(range(1, 51))
    for rank in many[:20]:
        await shared.reach_rank(usual, rank)
    assert await shared.take_rank(usual, "prj_b") in (20, 21)
    assert await shared.take_rank(usual, "prj_b") in (21, 22)
    assert await shared.take_rank(usual, "prj_a") == 51
    assert await shared.take_rank(usual, "prj_c") == 20, "what it had long ago puts it before nobody"
    assert await shared.take_rank(high, "prj_a") == 1


async def test_two_processes_may_come_to_an_empty_database_at_once(
    postgres_url: str, clock: ToldClock
) -> None:
    ledgers = [Ledger(postgres_url, clock) for _ in range(4)]
    try:
        await asyncio.gather(*(ledger.open() for ledger in ledgers))
    finally:
        for ledger in ledgers:
            await ledger.close()


async def test_who_does_not_know_a_column_of_a_newer_version_keeps_it_and_covers_it(
    shared: Ledger, engine: Engine
) -> None:
    plan = single_command(Command(source_text="ls", cwd="/ws"))
    create = CreateRun(run_id="run_1", move=RunMove.ADMIT, plan=plan, requested_by="user:ann")
    await shared.append("prj_1", [create], actor="user:ann", via="cli")
    switch = SetSwitch(name="execution.local", state=SwitchState.ON, reason="a test")
    await shared.append(HOUSE, [switch], actor="user:ann", via="cli")
    with engine.begin() as newer:
        for table in ("execution_runs", "switches"):
            newer.execute(text(f"ALTER TABLE {table} ADD COLUMN later TEXT"))
    assert (await shared.verify()).ok, "an empty new column changes no digest"
    with engine.begin() as newer:
        for table in ("execution_runs", "switches"):
            newer.execute(text(f"UPDATE {table} SET later = 'newer'"))
    assert not (await shared.verify()).ok, "no event wrote that"
    cancel = MoveRun(run_id="run_1", move=RunMove.CANCEL)
    await shared.append("prj_1", [cancel], actor="user:ann", via="cli")
    await shared.append(HOUSE, [switch], actor="user:ann", via="cli")
    assert (await shared.verify()).ok
    with engine.connect() as looking:
        assert looking.execute(text("SELECT later FROM execution_runs")).scalar() == "newer"
