"""Puts the ledger's statements together, each once: that takes longer than SQLite takes to carry one out."""

from __future__ import annotations

import functools
from typing import Any, Final

from sqlalchemy import (
    Insert,
    Select,
    Table,
    Update,
    bindparam,
    func,
    literal_column,
    select,
    update,
)

WHOLE: Final = "whole_row"


@functools.cache
def find_statement(table: Table, *names: str) -> Select[Any]:
    return select(table).where(*(table.c[name] == bindparam(name) for name in names))


@functools.cache
def find_whole_statement(table: Table, *names: str) -> Select[Any]:
    """As find_statement, with a column WHOLE that holds all columns there are, on PostgreSQL."""
    return find_statement(table, *names).add_columns(func.to_jsonb(literal_column(table.name)).label(WHOLE))


@functools.cache
def insert_statement(table: Table) -> Insert:
    return table.insert()


@functools.cache
def update_statement(table: Table, *names: str) -> Update:
    """Sets the columns it is given, where these columns still are what their now_ parameters say."""
    return update(table).where(*(table.c[name] == bindparam(f"now_{name}") for name in names))
