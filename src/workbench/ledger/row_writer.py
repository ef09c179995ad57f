"""Writes one row for a move, by its version, and says what the event must record.

Every UPDATE names the version it read, so that two writers cannot both win.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table

from workbench.ledger.statements import (
    WHOLE,
    find_statement,
    find_whole_statement,
    insert_statement,
    update_statement,
)
from workbench.model.errors import Conflict, IllegalMove, NotFound
from workbench.model.statuses import BlockedBy


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one move did: the event's tag and payload, and the row as it now stands."""

    tag: str
    payload: dict[str, Any]
    run_id: str | None = None
    step_id: str | None = None
    table: Table | None = None
    key: str = ""
    row: dict[str, Any] | None = None


class RowWriter:
    """One transaction, one project, one actor and one moment."""

    def __init__(self, connection: Connection, project_id: str, actor: str, at: str) -> None:
        self._connection, self._project_id, self._actor, self._at = connection, project_id, actor, at

    def _read(self, table: Table, noun: str, key: str, version: int | None) -> dict[str, Any]:
        row = self._find(table, {f"{noun}_id": key, "project_id": self._project_id})
        if row is None:
            raise NotFound(
                f"there is no {noun} {key} in this project", remedy=f"list the {noun}s to find its id"
            )
        if version is not None and row["version"] != version:
            raise Conflict(
                f"{noun} {key} has changed: version {row['version']}, not {version}",
                remedy=f"look at the {noun} again and decide on what it is now",
            )
        return row

    def _require_held(self, noun: str, key: str, row: dict[str, Any]) -> None:
        """Only what waits for an approval may still be edited."""
        if (row["status"], row["blocked_by"]) != ("blocked", BlockedBy.APPROVAL.value):
            raise IllegalMove(noun=noun, object_id=key, state=row["status"], move="edit", actor=self._actor)

    def _find(self, table: Table, where: dict[str, str]) -> dict[str, Any] | None:
        """Returns the row, with the columns too that a newer version beside this one has added: they are part
        of what its digest covers, and stay as they are."""
        is_shared = self._connection.dialect.name == "postgresql"
        statement = (find_whole_statement if is_shared else find_statement)(table, *where)
        found = self._connection.execute(statement, where).mappings().first()
        if found is None:
            return None
        row = dict(found)
        whole = row.pop(WHOLE, {})
        return {**beyond(table, whole), **row}

    def _insert(
        self,
        table: Table,
        row: dict[str, Any],
        tag: str,
        payload: dict[str, Any],
        *,
        run_id: str | None = None,
        step_id: str | None = None,
    ) -> Change:
        self._connection.execute(insert_statement(table), row)
        return _changed(table, row, tag, payload, run_id, step_id)

    def _update(
        self,
        table: Table,
        row: dict[str, Any],
        tag: str,
        payload: dict[str, Any],
        *,
        run_id: str | None = None,
        step_id: str | None = None,
        versioned: bool = True,
    ) -> Change:
        names = [column.name for column in table.primary_key.columns]
        if versioned:
            names.append("version")
        now = {f"now_{name}": row[name] for name in names}
        if versioned:
            row["version"] += 1
        known = {name: value for name, value in row.items() if name in table.c}
        done = self._connection.execute(update_statement(table, *names), {**known, **now})
        if done.rowcount != 1:
            raise Conflict(
                f"a row of {table.name} changed while it was being written",
                remedy="try again: the other change came first",
            )
        return _changed(table, row, tag, payload, run_id, step_id)

    def _put(self, table: Table, row: dict[str, Any], tag: str, payload: dict[str, Any]) -> Change:
        """Writes a row that has no history of its own: inserted, or replaced whole."""
        key = {column.name: row[column.name] for column in table.primary_key.columns}
        found = self._find(table, key)
        if found is None:
            return self._insert(table, row, tag, payload)
        return self._update(table, {**beyond(table, found), **row}, tag, payload, versioned=False)


# Built once each: putting a statement together takes longer than SQLite takes to carry it out.
def _changed(
    table: Table,
    row: dict[str, Any],
    tag: str,
    payload: dict[str, Any],
    run_id: str | None,
    step_id: str | None,
) -> Change:
    return Change(
        tag=tag,
        payload=payload,
        run_id=run_id,
        step_id=step_id,
        table=table,
        key=row_key(table, row),
        row=row,
    )


def beyond(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the row holds in columns that this version does not know."""
    return {name: value for name, value in row.items() if name not in table.c}


def row_key(table: Table, row: dict[str, Any]) -> str:
    """Returns the row's primary key as one text, as its events name it."""
    return "/".join(str(row[column.name]) for column in table.primary_key.columns)
