"""Moves the ledger of a home to PostgreSQL while no server holds it. Everything else stays in the home."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.app.clock import SystemClock
from workbench.app.home import Settings, prepare_home, take_lock
from workbench.model.clock import render_time

if TYPE_CHECKING:
    from workbench.ledger.transfer import Moved


def migrate_ledger(config: Settings, to: str, progress: Callable[[str, int, int], None]) -> Moved:
    """Moves it, holding the home's lock; raises AlreadyRunning while a server does, and as move_ledger."""
    from workbench.ledger.transfer import move_ledger

    prepare_home(config.home)
    lock = take_lock(config.home)
    try:
        # The setting may name the new place already, as it does when a move that was killed is ended.
        named = config.ledger_url.removeprefix("sqlite:///")
        path = Path(named) if config.ledger_url.startswith("sqlite") else config.home / "ledger.db"
        return move_ledger(path, to, at=render_time(SystemClock().now()), progress=progress)
    finally:
        os.close(lock)
