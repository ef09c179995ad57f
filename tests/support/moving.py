"""Moves a ledger in a process that kills itself at a chosen moment, and reads ledgers as they are stored."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from sqlalchemy import select

from support.programs import ready_to_divide
from workbench.ledger.database import open_engine
from workbench.ledger.tables import metadata
from workbench.ledger.transfer import move_ledger

AT = "2026-01-02T03:04:05.000Z"


def stages_of(path: Path, url: str) -> list[str]:
    """Moves it, and returns what was told on the way, in order."""
    told: list[str] = []
    move_ledger(path, url, at=AT, progress=lambda what, done, of: told.append(f"{what} {done}/{of}"))
    return told


def move_and_die(path: Path, url: str, at_call: int) -> int:
    """Moves it in a process that is killed (-9) when it tells for the `at_call`th time; gives its status."""
    process = ready_to_divide().Process(target=_move, args=(path, url, at_call))
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


def _move(path: Path, url: str, at_call: int) -> None:
    count = 0

    def tell(_what: str, _done: int, _of: int) -> None:
        nonlocal count
        count += 1
        if count == at_call:
            os.kill(os.getpid(), signal.SIGKILL)

    move_ledger(path, url, at=AT, progress=tell)


def rows_of(url: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, in the order of one and the same sort."""
    engine = open_engine(url)
    try:
        with engine.connect() as connection, connection.begin():
            return {
                table.name: sorted(
                    (dict(row) for row in connection.execute(select(table)).mappings()),
                    key=lambda row: [str(value) for value in row.values()],
                )
                for table in metadata.sorted_tables
            }
    finally:
        engine.dispose()
