"""Checks what is stored: every chain by audit.verify, and every state row against its newest event."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, inspect, literal_column, select

from workbench.audit.verify import ChainHead, Finding, StoredEvent, verify_chain
from workbench.ledger import tables as t
from workbench.ledger.append import row_digest
from workbench.ledger.row_writer import row_key
from workbench.ledger.schema import refuse_newer

_STATE_TABLES: Final = (
    t.projects,
    t.execution_runs,
    t.execution_steps,
    t.execution_approvals,
    t.execution_artifacts,
    t.switches,
    t.kill_records,
    t.access_tokens,
    t.remembered_rules,
    t.policy_layers,
)
# A database that was not migrated yet, and is only looked at, lacks what came later.
_SINCE: Final = {t.remembered_rules: "0003", t.policy_layers: "0005"}
_COLUMNS_SINCE: Final = {
    t.execution_approvals: "0002",
    t.access_tokens: "0004",
    t.execution_runs: "0006",
    t.execution_steps: "0006",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFinding:
    """`first_bad` is a position in `project_id`'s chain; None when a state row, not an event, is wrong."""

    ok: bool
    events: int
    project_id: str | None = None
    first_bad: int | None = None
    problem: str | None = None


def verify_ledger(connection: Connection, project_id: str | None = None) -> LedgerFinding:
    """Returns the first thing that does not hold, over one project's chain or all of them.

    Raises LedgerUnavailable for a database of a newer version, about whose rows nothing can be said.
    """
    revision = refuse_newer(connection)
    if revision is None:
        lost = "the table alembic_version, which names the ledger's schema, is gone or empty"
        return LedgerFinding(ok=False, events=0, project_id=project_id, problem=lost)
    state = [table for table in _STATE_TABLES if _SINCE.get(table, "") <= revision]
    if gone := _find_lost(connection, [*state, t.execution_events, t.event_heads], revision):
        return LedgerFinding(ok=False, events=0, project_id=project_id, problem=gone)
    if foreign := _find_trigger(connection):
        return LedgerFinding(ok=False, events=0, project_id=project_id, problem=foreign)
    total = 0
    recorded: dict[tuple[str, str], tuple[str, str, int]] = {}
    for chain in _chains(connection, project_id):
        finding = _verify_one(connection, chain, recorded)
        total += finding.events
        if not finding.ok:
            return LedgerFinding(
                ok=False,
                events=total,
                project_id=chain,
                first_bad=finding.first_bad,
                problem=f"project {chain}: {finding.problem}",
            )
    problem = _compare_state(connection, state, recorded, project_id)
    if problem is not None:
        return LedgerFinding(ok=False, events=total, project_id=project_id, problem=problem)
    return LedgerFinding(ok=True, events=total, project_id=project_id)


def _find_lost(connection: Connection, needed: list[Table], revision: str) -> str | None:
    """Returns the first table or column that a ledger of this schema has and this one lacks, in words."""
    inspector = inspect(connection)
    tables = set(inspector.get_table_names())
    for table in needed:
        if table.name not in tables:
            return f"the table {table.name} is gone, and with it what the ledger kept there"
        there = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.c:
            is_to_come = t.ADDED_LATER.items() <= column.info.items() and revision < _COLUMNS_SINCE[table]
            if column.name not in there and not is_to_come:
                return f"the column {column.name} of {table.name} is gone, and with it what it held"
    return None


def _find_trigger(connection: Connection) -> str | None:
    """Returns what would write these tables beside `append`; the ledger has no trigger of its own."""
    if connection.dialect.name == "sqlite":
        question = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"
    else:
        question = (
            "SELECT tgname, relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
            "WHERE NOT tgisinternal"
        )
    names = {table.name for table in (*_STATE_TABLES, t.execution_events, t.event_heads)}
    for trigger, table in connection.exec_driver_sql(question):
        if table in names:
            return f"the trigger {trigger} on {table} writes what no event records; no ledger has one"
    return None


def _chains(connection: Connection, project_id: str | None) -> list[str]:
    if project_id is not None:
        return [project_id]
    heads = connection.execute(select(t.event_heads.c.project_id)).scalars().all()
    seen = connection.execute(select(t.execution_events.c.project_id).distinct()).scalars().all()
    return sorted({*heads, *seen})


def _verify_one(
    connection: Connection, chain: str, recorded: dict[tuple[str, str], tuple[str, str, int]]
) -> Finding:
    head = connection.execute(select(t.event_heads).where(t.event_heads.c.project_id == chain)).first()

    def rows() -> Iterator[StoredEvent]:
        events = t.execution_events
        found = connection.execute(
            select(events).where(events.c.project_id == chain).order_by(events.c.seq)
        ).mappings()
        for row in found:
            stored = StoredEvent(
                seq=row["seq"],
                # SQLite keeps whatever type a tamperer wrote; text in place of bytes is already a change.
                body=row["body"] if isinstance(row["body"], bytes) else b"",
                leaf_hash=row["leaf_hash"],
                columns={
                    name: row[name]
                    for name in ("project_id", "run_id", "step_id", "tag", "actor", "at", "once_key")
                },
            )
            yield stored
            # Reached only once verify_chain has accepted the row and asks for the next one.
            _remember(stored, chain, recorded)

    return verify_chain(rows(), None if head is None else ChainHead(seq=head.seq, leaf_hash=head.leaf_hash))


def _remember(stored: StoredEvent, chain: str, recorded: dict[tuple[str, str], tuple[str, str, int]]) -> None:
    row = msgspec.json.decode(stored.body)["payload"].get("row")
    if row is not None:
        recorded[row["table"], row["key"]] = (row["digest"], chain, stored.seq)


def _compare_state(
    connection: Connection,
    state: list[Table],
    recorded: dict[tuple[str, str], tuple[str, str, int]],
    project_id: str | None,
) -> str | None:
    seen: set[tuple[str, str]] = set()
    for table in state:
        for row in _state_rows(connection, table, project_id):
            identity = (table.name, row_key(table, row))
            found = recorded.get(identity)
            if found is None:
                if project_id is None:
                    return f"a row of {table.name} ({identity[1]}) was made by no event"
                continue
            seen.add(identity)
            if not _digest_matches(table, row, found[0]):
                return (
                    f"the row {identity[1]} of {table.name} is not what event {found[2]} of {found[1]} wrote"
                )
    missing = sorted(set(recorded) - seen)
    if missing:
        table_name, key = missing[0]
        return f"the row {key} of {table_name} is gone, but event {recorded[missing[0]][2]} wrote it"
    return None


def _digest_matches(table: Table, row: dict[str, Any], recorded_digest: str) -> bool:
    try:
        return row_digest(table, row) == recorded_digest
    except TypeError:
        # A value of a kind that append never writes has no digest at all.
        return False


def _state_rows(connection: Connection, table: Table, project_id: str | None) -> Iterator[dict[str, Any]]:
    # Verifying changes nothing, so a database of an earlier schema is read with the columns that it has.
    there = {column["name"] for column in inspect(connection).get_columns(table.name)}
    columns = [column for column in table.c if column.name in there]
    # What a newer version added is part of the digests as soon as it holds something.
    added: list[ColumnElement[Any]] = [
        literal_column(f'"{name}"').label(name) for name in sorted(there - set(table.c.keys()))
    ]
    query = select(*columns, *added)
    if project_id is not None:
        if "project_id" not in table.c:
            return
        query = query.where(table.c.project_id == project_id)
    absent = {column.name: None for column in table.c if column.name not in there}
    for row in connection.execute(query).mappings():
        yield {**dict(row), **absent}
