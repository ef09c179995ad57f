"""Runs the server of a home: lock, port, house, door, and the address written down for the others."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import sys
from collections.abc import Callable
from importlib.metadata import version as version_of
from typing import TextIO, cast

import structlog

from workbench.api.application import create_api, create_application
from workbench.api.auth import Access
from workbench.api.house import House
from workbench.api.serve import PortInUse, Server, bind
from workbench.app.home import (
    Settings,
    local_actor_name,
    prepare_home,
    read_token,
    take_lock,
    write_private,
)
from workbench.app.house import open_house
from workbench.app.notices import open_notices
from workbench.app.telemetry import open_telemetry
from workbench.config import DEFAULT_PORT
from workbench.model.actor import Actor, Role
from workbench.model.errors import WorkbenchError

log = structlog.get_logger()


async def serve(config: Settings, *, port: int | None, on_ready: Callable[[str, str], None]) -> None:
    """Runs the server of this home until it is stopped; `on_ready` gets its address and a one-time link.

    Raises AlreadyRunning, PortInUse, SandboxUnavailable or LedgerUnavailable before anything is served.
    """

    prepare_home(config.home)
    set_up_log(config)
    lock = take_lock(config.home)
    try:
        try:
            listener = bind(config.port if port is None else port)
        except PortInUse:
            # A port that somebody named is meant; the default is only a habit.
            if port is not None or config.port != DEFAULT_PORT:
                raise
            listener = bind(0)
        number: int = listener.getsockname()[1]
        url = f"http://127.0.0.1:{number}"
        version = version_of("feature-execution-workbench")
        async with (
            open_house(config, version=version) as (context, access),
            open_notices(config, context, url) as notices,
            open_telemetry(config, context, version),
        ):
            owner = Actor(name=local_actor_name(), role=Role.ADMIN, via="cli")
            await _ensure_token(config, access, owner)
            server: Server | None = None

            def stop() -> None:
                assert server is not None
                server.stop()

            house = House(
                context=context,
                access=access,
                url=url,
                version=version,
                home=str(config.home),
                pid=os.getpid(),
                stop=stop,
                notices=notices,
            )
            server = Server(create_application(house, port=number), listener)
            write_private(
                config.home / "server.json",
                json.dumps({"pid": os.getpid(), "port": number, "version": version}),
            )
            on_ready(url, f"{url}/auth/{access.create_link(owner)}")
            _say("server started", version=version, address=url, home=str(config.home))
            await server.run()
        _say("server stopped", version=version, address=url, home=str(config.home))
    finally:
        (config.home / "server.json").unlink(missing_ok=True)
        os.close(lock)


def _say(what: str, **facts: str) -> None:
    """Logs one line of the server's life; whoever sits at the terminal it runs in is told in words anyway."""
    log.log(logging.DEBUG if sys.stderr.isatty() else logging.INFO, what, **facts)


async def _ensure_token(config: Settings, access: Access, owner: Actor) -> None:
    """Makes the owner's token when the home has none, or has one that the ledger does not know."""
    try:
        await access.identify(read_token(config), via="cli")
    except WorkbenchError:
        token = "wb_" + secrets.token_urlsafe(32)
        # The file first: a token that nobody can read would be worse than one that is not yet known.
        write_private(config.home / "token", token)
        await access.create_token(actor=owner.name, role=owner.role, by=owner, token=token)


def set_up_log(config: Settings) -> None:
    """Has this process write its log to stderr, a JSON document a line."""
    # A log that cannot be written (its disk is full, most likely) must not stop what would be logged.
    logging.raiseExceptions = False
    level = getattr(logging, config.log_level.upper())
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _PatientLog(sys.stderr))),
        cache_logger_on_first_use=False,
    )


def render_openapi() -> str:
    """Returns the OpenAPI document as JSON text."""

    return json.dumps(create_api().openapi(), indent=1, sort_keys=True) + "\n"


class _PatientLog:
    """A text stream that drops what it cannot write."""

    def __init__(self, target: TextIO) -> None:
        self._target = target

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            self._target.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._target.flush()
