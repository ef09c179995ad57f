"""kill -9 at every moment of a move: the database is empty or whole, and the next try ends it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from sqlalchemy import inspect

from support.engine import open_engine_house
from support.long import later
from support.moving import move_and_die, rows_of, stages_of
from workbench.engine.context import ENGINE
from workbench.engine.submit import submit
from workbench.ledger.database import open_engine
from workbench.ledger.transfer import note_path
from workbench.model.command import Command

# A table is told of before and after each chunk, then come: verifying (twice), in force there, noted here.
FROM_THE_END = {"verifying": 4, "verified": 3, "in force there": 2, "noted here": 1}


@pytest.fixture
async def ledger_file(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    async with open_engine_house(f"sqlite:///{path}", tmp_path) as house:
        for text in ("ls", "rm -rf build", "sudo ls"):
            command = Command(source_text=text, cwd="")
            await submit(house.context, project_id="prj_1", command=command, actor=ENGINE)
    return path


def is_empty(url: str) -> bool:
    engine = open_engine(url)
    try:
        return inspect(engine).get_table_names() == []
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    "moment",
    [
        *map(later, (1, 2, 7, 9, 12, "verifying", "verified", "noted here")),
        5,
        "in force there",
    ],
)
def test_a_move_that_is_killed_is_begun_again_or_ended(
    ledger_file: Path, postgres_url: str, postgres_server: str, moment: int | str
) -> None:
    source = f"sqlite:///{ledger_file}"
    before = rows_of(source)
    calls = 4 + sum(2 if rows else 1 for rows in before.values())
    at_call = moment if isinstance(moment, int) else calls + 1 - FROM_THE_END[moment]
    assert move_and_die(ledger_file, postgres_url, at_call) == -signal.SIGKILL
    counts = at_call > calls - 2
    assert is_empty(postgres_url) is not counts
    assert note_path(ledger_file).exists() is (at_call == calls)
    assert rows_of(source) == before
    told = stages_of(ledger_file, postgres_url)
    assert told[-2:] == ["in force there 1/1", "noted here 1/1"]
    assert len(told) == (2 if counts else calls)
    assert rows_of(postgres_url) == before
    assert rows_of(source) == before
    assert note_path(ledger_file).exists()
