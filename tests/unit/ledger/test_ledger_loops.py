"""One ledger is read by the loops of several threads at the same moment."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from sqlalchemy import Connection, text

from workbench.app.clock import SystemClock
from workbench.ledger.ledger import Ledger


def test_a_short_read_does_not_meet_the_one_of_another_thread(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", SystemClock())
    asyncio.run(ledger.open())
    has_begun, may_end = threading.Event(), threading.Event()
    answers: list[int] = []

    def slow(connection: Connection) -> int:
        has_begun.set()
        assert may_end.wait(30)
        return int(connection.execute(text("select 1")).scalar_one())

    def quick(connection: Connection) -> int:
        return int(connection.execute(text("select 2")).scalar_one())

    other = threading.Thread(target=lambda: answers.append(asyncio.run(ledger.read_few(slow))))
    other.start()
    try:
        assert has_begun.wait(30)
        answers.append(asyncio.run(ledger.read_few(quick)))
    finally:
        may_end.set()
        other.join()
    answers.append(asyncio.run(ledger.read_few(quick)))
    asyncio.run(ledger.close())
    assert answers == [2, 1, 2]
