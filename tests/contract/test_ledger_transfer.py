"""What a move refuses, on real databases: nothing is half moved, and nothing is moved over something else."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import inspect, text

from support.clock import ToldClock
from support.engine import open_engine_house
from support.moving import AT, rows_of
from workbench.engine.context import ENGINE
from workbench.engine.submit import submit
from workbench.ledger.database import open_engine
from workbench.ledger.ledger import HOUSE, Ledger
from workbench.ledger.move import Note
from workbench.ledger.transfer import move_ledger, note_path
from workbench.model.command import Command
from workbench.model.errors import Conflict, InvalidInput, LedgerUnavailable, NotFound


@pytest.fixture
async def ledger_file(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    async with open_engine_house(f"sqlite:///{path}", tmp_path) as house:
        command = Command(source_text="printf 'é\\0\\n😀'", cwd="")
        await submit(house.context, project_id="prj_1", command=command, actor=ENGINE)
        # More than one chunk of events, so that the copy is seen to go on.
        for number in range(3):
            notes = [Note(tag="a:b", payload={"number": each, "of": number}) for each in range(400)]
            await house.context.ledger.append("prj_1", notes, actor="user:ann", via="cli")
    return path


def move(path: Path, url: str) -> list[str]:
    told: list[str] = []
    move_ledger(path, url, at=AT, progress=lambda what, done, of: told.append(f"{what} {done}/{of}"))
    return told


def tables_of(url: str) -> list[str]:
    engine = open_engine(url)
    try:
        return inspect(engine).get_table_names()
    finally:
        engine.dispose()


def execute(url: str, statement: str) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


async def test_every_row_arrives_as_it_was_and_the_old_file_is_left_and_noted(
    ledger_file: Path, postgres_url: str, clock: ToldClock
) -> None:
    source = f"sqlite:///{ledger_file}"
    before = rows_of(source)
    told = move(ledger_file, postgres_url)
    assert any(line.startswith("execution_events 1000/") for line in told)
    assert rows_of(postgres_url) == before == rows_of(source)
    there = Ledger(postgres_url, clock)
    await there.open()
    assert (await there.verify()).ok
    await there.append(HOUSE, [Note(tag="a:b", payload={})], actor="user:ann", via="cli")
    assert (await there.verify()).ok
    await there.close()
    note = json.loads(note_path(ledger_file).read_text())
    assert note["at"] == AT
    assert note_path(ledger_file).stat().st_mode & 0o777 == 0o600
    old = Ledger(source, clock)
    with pytest.raises(LedgerUnavailable) as refused:
        await old.open()
    await old.close()
    assert refused.value.code == "ledger_moved"
    assert "WORKBENCH_DATABASE_URL" in refused.value.remedy
    # Moved once more, it is found to be there, though it has gone on.
    assert move(ledger_file, postgres_url)[-1] == "noted here 1/1"


def test_a_database_that_holds_anything_is_refused(ledger_file: Path, postgres_url: str) -> None:
    execute(postgres_url, "CREATE TABLE guests (name text)")
    with pytest.raises(Conflict, match="guests") as refused:
        move(ledger_file, postgres_url)
    assert refused.value.code == "target_not_empty"
    assert tables_of(postgres_url) == ["guests"]
    assert not note_path(ledger_file).exists()


async def test_another_ledger_there_is_refused_and_left_alone(
    ledger_file: Path, postgres_url: str, tmp_path: Path
) -> None:
    async with open_engine_house(postgres_url, tmp_path / "other"):
        pass
    before = rows_of(postgres_url)
    with pytest.raises(Conflict, match="not empty"):
        move(ledger_file, postgres_url)
    assert rows_of(postgres_url) == before


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE execution_events SET body = replace(body, 'ann', 'bob') WHERE seq = 3",
        "DELETE FROM execution_events WHERE project_id = 'prj_1' AND seq = 2",
        "UPDATE execution_runs SET status = 'succeeded'",
        "UPDATE alembic_version SET version_num = '0005'",
    ],
)
def test_a_ledger_that_does_not_verify_is_not_moved(
    ledger_file: Path, postgres_url: str, damage: str
) -> None:
    with sqlite3.connect(ledger_file) as database:
        database.execute(damage)
    database.close()
    with pytest.raises(LedgerUnavailable) as refused:
        move(ledger_file, postgres_url)
    assert refused.value.code == "ledger_not_moved"
    assert tables_of(postgres_url) == []


async def test_text_that_postgresql_cannot_keep_is_named_by_its_row(
    tmp_path: Path, postgres_url: str
) -> None:
    from workbench.engine.operate import set_kill

    path = tmp_path / "ledger.db"
    async with open_engine_house(f"sqlite:///{path}", tmp_path) as house:
        await set_kill(house.context, engaged=False, actor=ENGINE, reason="a\0b")
    with pytest.raises(LedgerUnavailable, match="reason of the row all of kill_records holds a NUL"):
        move(path, postgres_url)
    assert tables_of(postgres_url) == []


def test_a_database_that_cannot_keep_the_text_gets_nothing(ledger_file: Path, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "CREATE DATABASE western ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
        name = connection.info.dbname
    url = postgres_url.replace(f"/{name}", "/western")
    try:
        with pytest.raises(LedgerUnavailable) as refused:
            move(ledger_file, url)
        assert refused.value.code == "ledger_not_moved"
        assert tables_of(url) == []
        assert not note_path(ledger_file).exists()
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("DROP DATABASE western WITH (FORCE)")


def test_only_postgresql_is_a_place_to_move_to(ledger_file: Path, tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/other.db", "mysql://x", "nonsense"):
        with pytest.raises(InvalidInput):
            move(ledger_file, url)
    with pytest.raises(NotFound):
        move(tmp_path / "nowhere.db", "postgresql://nobody@127.0.0.1:1/x")
    with pytest.raises(LedgerUnavailable, match="not moved"):
        move(ledger_file, "postgresql://nobody:secret@127.0.0.1:1/x?connect_timeout=2")


def test_a_note_that_cannot_be_read_keeps_the_old_ledger_closed(ledger_file: Path, postgres_url: str) -> None:
    note_path(ledger_file).write_text("{")
    with pytest.raises(Conflict, match="moved"):
        move(ledger_file, postgres_url)
    assert tables_of(postgres_url) == []
