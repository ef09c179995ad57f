"""After a restart: every open run is driven again; what still runs is adopted, what does not is said so."""

from __future__ import annotations

from workbench.engine.context import Context
from workbench.model.statuses import RunStatus


async def recover(context: Context) -> int:
    """Starts a driver for each queued or running run that has none, and returns how many there were."""
    driven = await context.starter.driven_runs()
    count = 0
    for run in await context.ledger.open_runs():
        if run.status is RunStatus.BLOCKED or run.run_id in driven:
            continue
        await context.starter.start(run.project_id, run.run_id)
        count += 1
    return count
