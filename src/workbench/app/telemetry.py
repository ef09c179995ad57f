"""Opens the telemetry of a home: what it sends traces and metrics to, when a collector is named."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from workbench.app.home import Settings
from workbench.engine.context import Context


@asynccontextmanager
async def open_telemetry(config: Settings, context: Context, version: str) -> AsyncIterator[None]:
    """Sends traces and metrics while it is open; without a collector it does nothing, and loads nothing."""
    if not config.telemetry:
        yield
        return
    # The packages take half a second, and only this needs them.
    telemetry_room = await asyncio.to_thread(__import__, "workbench.sinks.telemetry", fromlist=["Telemetry"])
    telemetry = telemetry_room.Telemetry(
        context.ledger,
        config.telemetry,
        version=version,
        instance=socket.gethostname(),
        cursor_file=config.home / "telemetry.json",
    )
    await telemetry.begin()
    sending = asyncio.create_task(telemetry.run())
    try:
        yield
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        telemetry.close()
