"""Runs a worker of a home: one more machine on the PostgreSQL that holds the ledger, without a door.

Told to end, it takes nothing new and goes at once: what waits is left to the others, and what runs goes on in
its sandboxes, for the next process of this home to take up within the lease.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from importlib.metadata import version as version_of

import structlog

from workbench.app.home import Settings, prepare_home, take_lock
from workbench.app.house import open_house
from workbench.app.serve import set_up_log
from workbench.model.errors import InvalidInput
from workbench.model.place import check_pool

log = structlog.get_logger()


async def work(config: Settings, *, pool: str, places: int | None, on_ready: Callable[[str], None]) -> None:
    """Works for this pool until SIGTERM or SIGINT; `on_ready` gets the worker's id.

    Raises InvalidInput for a ledger that only one process can have, SandboxUnavailable where nothing can be
    run, AlreadyRunning, LedgerUnavailable.
    """
    check_pool(pool)
    if config.ledger_url.startswith("sqlite"):
        raise InvalidInput(
            "a worker shares a ledger with others, and this one is a SQLite file of one server",
            remedy="set WORKBENCH_DATABASE_URL to the PostgreSQL that the server uses",
        )
    prepare_home(config.home)
    set_up_log(config)
    lock = take_lock(config.home)
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ending.set)
    try:
        version = version_of("feature-execution-workbench")
        async with open_house(config, version=version, pool=pool, places=places, must_run=True) as (
            context,
            _,
        ):
            assert context.lease is not None
            on_ready(context.lease.worker_id)
            log.info("worker started", worker_id=context.lease.worker_id, pool=pool, version=version)
            await ending.wait()
        log.info("worker stopped", pool=pool)
    finally:
        os.close(lock)
