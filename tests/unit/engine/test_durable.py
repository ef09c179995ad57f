"""A driver begins at once, is recorded when it is not done soon, and comes back after a restart."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

from workbench.app.clock import new_sortable_id
from workbench.engine.durable import Durable

DriveRun = Callable[[str, str], Awaitable[None]]


async def _open(home: Path, drive: DriveRun) -> Durable:
    durable = Durable(
        database_url=f"sqlite:///{home / 'ledger.db'}",
        state_home=home,
        new_id=new_sortable_id,
    )
    await durable.launch(drive)
    return durable


def _recorded(home: Path) -> list[str]:
    if not (home / "engine.db").exists():
        return []
    connection = sqlite3.connect(home / "engine.db")
    try:
        rows = connection.execute("SELECT workflow_uuid FROM workflow_status").fetchall()
    except sqlite3.OperationalError:
        # Its tables come a moment after the file.
        return []
    finally:
        connection.close()
    return [str(row[0]).partition(".")[0] for row in rows]


class _Endless:
    """Notes which runs it was asked to drive, and ends none of them."""

    def __init__(self) -> None:
        self.began: asyncio.Queue[str] = asyncio.Queue()

    async def __call__(self, _project_id: str, run_id: str) -> None:
        self.began.put_nowait(run_id)
        await asyncio.get_running_loop().create_future()


async def _wait_recorded(home: Path, run_id: str) -> None:
    async with asyncio.timeout(30):
        while run_id not in _recorded(home):
            await asyncio.sleep(0)


async def test_a_run_is_driven_before_its_driver_is_recorded_and_a_short_one_needs_no_record(
    tmp_path: Path,
) -> None:
    seen: list[tuple[str, list[str]]] = []

    async def drive(_project_id: str, run_id: str) -> None:
        seen.append((run_id, _recorded(tmp_path)))

    durable = await _open(tmp_path, drive)
    try:
        await durable.start("prj_1", "run_1")
        assert seen == [("run_1", [])]
        assert await durable.driven_runs() == set()
    finally:
        await durable.close()
    assert not (tmp_path / "engine.db").exists(), "with nothing to record, its tables are not needed"


async def test_a_run_whose_driver_is_not_recorded_yet_counts_as_driven(tmp_path: Path) -> None:
    durable = await _open(tmp_path, _Endless())
    try:
        await durable.start("prj_1", "run_1")
        assert await durable.driven_runs() == {"run_1"}
    finally:
        await durable.close()


async def test_a_long_driver_is_recorded_once_not_started_twice_and_taken_up_at_the_next_launch(
    tmp_path: Path,
) -> None:
    first = _Endless()
    durable = await _open(tmp_path, first)
    try:
        await durable.start("prj_1", "run_1")
        await _wait_recorded(tmp_path, "run_1")
        assert await durable.driven_runs() == {"run_1"}
    finally:
        await durable.close()
    assert first.began.qsize() == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}, "what is left would end by the garbage collector"

    second = _Endless()
    durable = await _open(tmp_path, second)
    try:
        async with asyncio.timeout(30):
            assert await second.began.get() == "run_1"
        assert await durable.driven_runs() == {"run_1"}
    finally:
        await durable.close()
    assert second.began.empty()


async def test_a_driver_closed_before_its_record_leaves_none_so_that_recover_starts_it(
    tmp_path: Path,
) -> None:
    durable = await _open(tmp_path, _Endless())
    await durable.start("prj_1", "run_1")
    await durable.close()

    durable = await _open(tmp_path, _Endless())
    try:
        assert "run_1" not in await durable.driven_runs()
    finally:
        await durable.close()


async def test_a_run_started_again_while_its_driver_ends_is_driven_again(tmp_path: Path) -> None:
    drives = 0
    go = asyncio.Event()

    async def drive(_project_id: str, _run_id: str) -> None:
        nonlocal drives
        drives += 1
        await go.wait()

    durable = await _open(tmp_path, drive)
    try:
        await durable.start("prj_1", "run_1")
        await durable.start("prj_1", "run_1")
        go.set()
    finally:
        await durable.close()
    assert drives == 2
