"""The only writer: applies moves, and records each as one hash-linked event, in one transaction.

Every move changes exactly one row and makes exactly one event whose payload carries the digest of that
row, so that an edited state row is found as surely as an edited event. The state tables of model/moves
decide what is legal; a replay under the same `once` key is a no-op that returns the first outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Table, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from workbench.audit.leaf import FIRST_PREVIOUS, leaf_hash
from workbench.ledger import tables
from workbench.ledger.apply import apply_move
from workbench.ledger.move import Move
from workbench.ledger.row_writer import Change, beyond
from workbench.ledger.rows import parse_event
from workbench.ledger.starts import Starts
from workbench.ledger.worker_rows import require_writing
from workbench.model.canonical import digest_of, render_canonical
from workbench.model.event import Event

# Built once: putting a statement together takes longer than SQLite takes to carry it out.
_HEADS: Final = tables.event_heads
_IS_CHAIN: Final = _HEADS.c.project_id == bindparam("chain")
_READ_HEAD: Final = select(_HEADS.c.seq, _HEADS.c.leaf_hash).where(_IS_CHAIN).with_for_update()
_MOVE_HEAD: Final = update(_HEADS).where(_IS_CHAIN)
_OWN_KEYS: Final = frozenset({"via", "row"})
_INSERT_EVENTS: Final = tables.execution_events.insert()


def append(
    connection: Connection,
    *,
    project_id: str,
    actor: str,
    via: str,
    at: str,
    moves: Sequence[Move],
    once: str | None = None,
    worker_id: str | None = None,
) -> list[Event]:
    """Applies `moves` in order inside the caller's transaction and returns their events.

    Raises IllegalMove, StartRefused, Conflict or NotFound, or LeaseLost when `worker_id` names a worker that
    the others take for gone, and then nothing of the transaction may be committed.
    """
    if worker_id is not None:
        # First of all, and held to the commit: whoever takes the writing from us waits for it, or we for him.
        require_writing(connection, worker_id)
    head_seq, head_hash = _lock_head(connection, project_id)
    if once is not None and (earlier := _read_once(connection, project_id, once)):
        return earlier
    events: list[Event] = []
    rows: list[dict[str, Any]] = []
    starts = Starts(connection, project_id=project_id, at=at)
    for move in moves:
        change = apply_move(connection, project_id=project_id, actor=actor, at=at, move=move, starts=starts)
        head_seq += 1
        event, row = _seal(
            change,
            project_id=project_id,
            actor=actor,
            via=via,
            at=at,
            seq=head_seq,
            previous=head_hash,
            once_key=None if once is None else f"{once}#{len(rows)}",
        )
        head_hash = event.leaf_hash
        events.append(event)
        rows.append(row)
    starts.settle()
    connection.execute(_INSERT_EVENTS, rows)
    connection.execute(_MOVE_HEAD, {"chain": project_id, "seq": head_seq, "leaf_hash": head_hash})
    return events


def row_digest(table: Table, row: dict[str, Any]) -> str:
    """Returns the digest of a state row as its event records it.

    A column that came with a later schema counts once it holds something, so that the rows before it keep
    the digest they were written under; so does one that this version does not know yet.
    """
    unknown = {name: value for name, value in beyond(table, row).items() if value is not None}
    return digest_of(
        unknown
        | {
            str(column.name): row[column.name]
            for column in table.columns
            if row[column.name] is not None or not column.info.get("is_added_later")
        }
    )


def _seal(
    change: Change,
    *,
    project_id: str,
    actor: str,
    via: str,
    at: str,
    seq: int,
    previous: str,
    once_key: str | None,
) -> tuple[Event, dict[str, Any]]:
    if spoken := _OWN_KEYS & change.payload.keys():
        # Overwritten, what an event says would be lost for good without anybody noticing.
        raise ValueError(f"the payload of {change.tag} has the ledger's own {', '.join(sorted(spoken))}")
    payload = {**change.payload, "via": via}
    if change.table is not None and change.row is not None:
        payload["row"] = {
            "table": str(change.table.name),
            "key": change.key,
            "digest": row_digest(change.table, change.row),
        }
    columns = {
        "seq": seq,
        "project_id": project_id,
        "run_id": change.run_id,
        "step_id": change.step_id,
        "tag": change.tag,
        "actor": actor,
        "at": at,
    }
    # A replay is answered by its key, so the key is hashed too; most events have none and say nothing of it.
    keyed = {} if once_key is None else {"once_key": once_key}
    body = render_canonical({**columns, **keyed, "payload": payload, "previous_hash": previous})
    leaf = leaf_hash(body)
    event = Event(**columns, payload=payload, leaf_hash=leaf, previous_hash=previous)  # type: ignore[arg-type]
    return event, {**columns, "once_key": once_key, "body": body, "leaf_hash": leaf}


def _lock_head(connection: Connection, project_id: str) -> tuple[int, str]:
    """Takes the chain's lock for this transaction. SQLite's BEGIN IMMEDIATE already holds it."""
    found = connection.execute(_READ_HEAD, {"chain": project_id}).first()
    if found is None:
        insert = insert_postgresql if connection.dialect.name == "postgresql" else insert_sqlite
        connection.execute(
            insert(tables.event_heads)
            .values(project_id=project_id, seq=0, leaf_hash=FIRST_PREVIOUS)
            .on_conflict_do_nothing()
        )
        found = connection.execute(_READ_HEAD, {"chain": project_id}).one()
    return found.seq, found.leaf_hash


def _read_once(connection: Connection, project_id: str, once: str) -> list[Event]:
    events = tables.execution_events
    rows = connection.execute(
        select(events)
        .where(events.c.project_id == project_id, events.c.once_key.like(_escaped(once) + "#%", escape="\\"))
        .order_by(events.c.seq)
    ).mappings()
    return [parse_event(dict(row)) for row in rows]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
