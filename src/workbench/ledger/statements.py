"""Puts the ledger's statements together, each once: that takes longer than SQLite takes to carry one out."""

from __future__ import annotations

import functools
from typing import Any

from sqlalchemy import Insert, Select, Table, Update, bindparam, select, update


@functools.cache
def find_statement(table: Table, *names: str) -> Select[Any]:
    return select(table).where(*(table.c[name] == bindparam(name) for name in names))


@functools.cache
def insert_statement(table: Table) -> Insert:
    return table.insert()


@functools.cache
def update_statement(table: Table, *names: str) -> Update:
    """Sets the columns it is given, where these columns still are what their now_ parameters say."""
    return update(table).where(*(table.c[name] == bindparam(f"now_{name}") for name in names))
