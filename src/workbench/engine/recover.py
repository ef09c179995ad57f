"""After a restart: every open run is driven again; what still runs is adopted, what does not is said so."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from workbench.engine.context import Context
from workbench.engine.drive import record_known_end, record_unproven
from workbench.model.errors import WorkbenchError
from workbench.model.run import Run
from workbench.model.statuses import RunStatus

log = structlog.get_logger()

_AT_ONCE: Final = 16


async def settle(context: Context, *, within_seconds: float) -> None:
    """Records the ends that came while no server was there, so that the first answer of this one is right.

    Called before anything is driven. It takes the newest runs first, and returns when `within_seconds` are
    over, whatever is left then: the drivers do that.
    """
    running = [run for run in await context.ledger.open_runs() if run.status is RunStatus.RUNNING]
    if not running:
        return
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_seconds

    async def take_turns() -> None:
        while running and loop.time() < deadline:
            await _record_end(context, running.pop())

    turns = [loop.create_task(take_turns()) for _ in range(min(_AT_ONCE, len(running)))]
    for turn in turns:
        # One that is slow is not broken off in the middle of a record; it ends beside the drivers.
        context.background.add(turn)
        turn.add_done_callback(context.background.discard)
    await asyncio.wait(turns, timeout=within_seconds)


async def _record_end(context: Context, run: Run) -> None:
    try:
        await record_known_end(context, run.project_id, run.run_id)
    except WorkbenchError as error:
        # Its driver tries again, and says what it waits for.
        log.warning("end not recorded yet", run_id=run.run_id, problem=error.message)
    except Exception:
        # One run that cannot be understood keeps neither the others nor the server waiting.
        log.exception("end not recorded", run_id=run.run_id)


async def give_up_unproven(context: Context) -> None:
    """After the machine went down: fails the runs that may have begun and left nothing, so none runs twice.

    Called before anything is driven. Raises LedgerUnavailable, or what a connector raises.
    """
    for run in await context.ledger.open_runs():
        if run.status is RunStatus.RUNNING:
            await record_unproven(context, run.project_id, run.run_id)


async def recover(context: Context) -> int:
    """Starts a driver for each queued or running run that has none, and returns how many there were."""
    driven = await context.starter.driven_runs()
    left = [
        run
        for run in await context.ledger.open_runs()
        if run.status is not RunStatus.BLOCKED and run.run_id not in driven
    ]
    await asyncio.gather(*(context.starter.start(run.project_id, run.run_id) for run in left))
    return len(left)
