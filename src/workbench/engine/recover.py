"""After a restart: every open run is driven again; what still runs is adopted, what does not is said so."""

from __future__ import annotations

import asyncio

from workbench.engine.context import Context
from workbench.model.statuses import RunStatus


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
