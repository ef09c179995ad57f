"""What the log says of a ledger that cannot be written."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from support.clock import ToldClock
from workbench.ledger.ledger import HOUSE, Ledger
from workbench.ledger.move import Note
from workbench.model.errors import LedgerUnavailable


async def test_a_refused_write_is_logged_once_a_minute_with_the_remedy_and_how_many_more(
    tmp_path: Path, clock: ToldClock
) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", clock)
    await ledger.open()

    async def write() -> None:
        await ledger.append(HOUSE, [Note(tag="kill:file_set", payload={})], actor="a", via="cli")

    with capture_logs() as lines:
        await write()
        assert lines == []
        with sqlite3.connect(tmp_path / "ledger.db") as broken:
            broken.execute("ALTER TABLE execution_events RENAME TO gone")
        for _ in range(3):
            with pytest.raises(LedgerUnavailable) as refused:
                await write()
            clock.advance(10)
        clock.advance(60)
        with pytest.raises(LedgerUnavailable):
            await write()
    broken.close()
    await ledger.close()
    told = {"event": "ledger not written", "log_level": "error", "problem": refused.value.message}
    told["remedy"] = refused.value.remedy
    assert lines == [told | {"others_since_last": 0}, told | {"others_since_last": 2}]
