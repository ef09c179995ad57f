"""An index of transcripts that is being made, or was not made to its end, is made by whoever opens it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from workbench.ledger.search_sqlite import SqliteSearch


@pytest.mark.parametrize("begun", [False, True])
def test_an_index_without_its_tables_is_empty_and_gets_them(tmp_path: Path, begun: bool) -> None:
    search = SqliteSearch(tmp_path)
    (tmp_path / "prj_1.db").touch()
    if begun:
        # As it is between the file's first page and its tables.
        with contextlib.closing(sqlite3.connect(tmp_path / "prj_1.db")) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    assert search.candidates("prj_1", "needle", 2**62, 10) == []
    assert search.known("prj_1") == set()
