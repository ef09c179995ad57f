"""What verifying finds beyond the chain: replay keys, and databases that it cannot judge."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from workbench.ledger.database import open_engine
from workbench.ledger.ledger import Ledger
from workbench.ledger.move import Move, Note
from workbench.model.errors import LedgerUnavailable


async def write(ledger: Ledger, once: str | None) -> None:
    moves: list[Move] = [Note(tag="test:noted", payload={}), Note(tag="test:noted", payload={})]
    await ledger.append("prj_1", moves, actor="user:ann", via="cli", once=once)


def execute(database_url: str, statement: str) -> int:
    engine = open_engine(database_url)
    try:
        with engine.begin() as connection:
            return connection.execute(text(statement)).rowcount
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE execution_events SET once_key = NULL WHERE seq = 2",
        "UPDATE execution_events SET once_key = 'other#1' WHERE seq = 2",
        "UPDATE execution_events SET once_key = 'forged#0' WHERE seq = 4",
    ],
)
async def test_an_edited_replay_key_is_found_whether_there_was_one_or_not(
    ledger: Ledger, database_url: str, change: str
) -> None:
    await write(ledger, "start:1")
    await write(ledger, None)
    assert (await ledger.verify()).ok
    assert execute(database_url, change) == 1
    finding = await ledger.verify()
    assert (finding.ok, finding.first_bad) == (False, int(change[-1]))
    assert "once_key" in (finding.problem or "")


async def test_a_replay_still_gives_the_first_outcome(ledger: Ledger) -> None:
    await write(ledger, "start:1")
    await write(ledger, "start:1")
    assert len(await ledger.for_project("prj_1").events()) == 2


async def test_a_database_of_a_newer_version_is_not_said_to_be_ok(ledger: Ledger, database_url: str) -> None:
    await write(ledger, None)
    assert execute(database_url, "UPDATE alembic_version SET version_num = '9999'") == 1
    with pytest.raises(LedgerUnavailable) as caught:
        await ledger.verify()
    assert caught.value.code == "database_too_new"


LOST = {
    "DROP TABLE execution_artifacts": "the table execution_artifacts is gone",
    "ALTER TABLE execution_runs RENAME TO er2": "the table execution_runs is gone",
    "DROP TABLE execution_events": "the table execution_events is gone",
    "DROP TABLE event_heads": "the table event_heads is gone",
    "DROP TABLE remembered_rules": "the table remembered_rules is gone",
    "ALTER TABLE execution_artifacts RENAME COLUMN digest TO d2": "the column digest of execution_artifacts",
    "ALTER TABLE execution_events RENAME COLUMN body TO b2": "the column body of execution_events",
    "ALTER TABLE access_tokens DROP COLUMN person": "the column person of access_tokens",
    "DROP TABLE alembic_version": "the table alembic_version",
    "DELETE FROM alembic_version": "the table alembic_version",
}


@pytest.mark.parametrize("change", LOST)
async def test_a_table_or_column_that_is_gone_is_named(
    ledger: Ledger, database_url: str, change: str
) -> None:
    await write(ledger, None)
    assert (await ledger.verify()).ok
    execute(database_url, change)
    finding = await ledger.verify()
    assert (finding.ok, finding.first_bad) == (False, None)
    assert (finding.problem or "").startswith(LOST[change])
