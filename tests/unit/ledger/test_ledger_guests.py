"""What shares SQLAlchemy with the ledger changes nothing about it once the ledger is open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import asyncio, sys
from datetime import UTC, datetime
from sqlalchemy import inspection
from workbench.ledger.ledger import Ledger

class Clock:
    def now(self):
        return datetime.now(UTC)

async def main():
    ledger = Ledger("sqlite:///" + sys.argv[1], Clock())
    await ledger.open()
    before = inspection._registrars.get(object)
    import dbos
    assert inspection._registrars.get(object) is before, "values are read another way now"
    await ledger.close()

asyncio.run(main())
"""


def test_the_durable_engine_that_comes_later_changes_no_reading_of_values(tmp_path: Path) -> None:
    words = [sys.executable, "-c", PROGRAM, str(tmp_path / "ledger.db")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
