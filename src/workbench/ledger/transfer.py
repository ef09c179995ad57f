"""Moves a whole ledger from SQLite to an empty PostgreSQL database: all of it in one transaction, or nothing.

What arrived is verified there, by the chains, the rows' digests and every byte, before it counts. The source
is only read; a note beside its file keeps a server from going on with it by mistake.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Table, func, inspect, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, StatementError

from workbench.ledger import tables as t
from workbench.ledger.check import LedgerFinding, verify_ledger
from workbench.ledger.database import open_engine
from workbench.ledger.row_writer import row_key
from workbench.ledger.schema import LATEST, create_schema, read_revision
from workbench.model.errors import Conflict, InvalidInput, LedgerUnavailable, NotFound

Progress = Callable[[str, int, int], None]
"""Told (what, done, of) as the work goes on; `what` is a table's name or a stage."""

_CHUNK_ROWS: Final = 1_000
_SUFFIX: Final = ".moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """`place` is where the ledger is now, without a password. `is_earlier` tells that it was moved before."""

    place: str
    events: int
    rows: int
    is_earlier: bool = False


def move_ledger(path: Path, target_url: str, *, at: str, progress: Progress) -> Moved:
    """Copies the ledger in this SQLite file into the database at `target_url`, verifies it, and notes it.

    It may be run again after it was killed anywhere: before the copy counted it starts anew, after that it
    only finishes. Raises InvalidInput for an address that is no PostgreSQL's, NotFound where there is no
    ledger, Conflict for a target that holds anything else, and LedgerUnavailable for a source that does not
    verify, or is of another schema, and for what a database refuses; nothing has been moved then.
    """
    url = _parse(target_url)
    place = url.render_as_string(hide_password=True)
    if not path.is_file():
        raise NotFound(f"there is no ledger at {path}", remedy="set WORKBENCH_HOME to the home it lies in")
    noted = read_note(path)
    if noted is not None and noted["place"] != place:
        raise Conflict(
            f"this ledger was moved to {noted['place']} already, at {noted['at']}",
            remedy=f"use it there, or remove {note_path(path)} to move the old one once more",
        )
    source, target = open_engine(f"sqlite:///{path}"), open_engine(target_url)
    try:
        # Whoever still had the file open could write what would be left behind.
        with source.connect().execution_options(begin="BEGIN IMMEDIATE") as reading, reading.begin():
            _require_sound(reading)
            with target.connect() as writing:
                with writing.begin():
                    moved = _fill(reading, writing, place, progress)
                progress("in force there", 1, 1)
            _write_note(path, place, at, moved.events)
            progress("noted here", 1, 1)
            return moved
    except (DatabaseError, StatementError) as error:
        raise _refused(str(error.orig or error)) from error
    except UnicodeError as error:
        raise _refused(f"the database is not in UTF-8, and cannot keep this text: {error}") from error
    finally:
        source.dispose()
        target.dispose()


def note_path(path: Path) -> Path:
    """Returns where it is noted that the ledger in this file was moved."""
    return path.with_name(path.name + _SUFFIX)


def read_note(path: Path) -> Mapping[str, str] | None:
    """Returns where the ledger of this file was moved to and when; None when it was not.

    A note that cannot be read counts as one.
    """
    try:
        note = json.loads(note_path(path).read_text())
        return {"place": str(note["place"]), "at": str(note["at"])}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return {"place": "a place that its note does not tell", "at": "some time"}


def refuse_moved(path: Path) -> None:
    """Raises LedgerUnavailable, "ledger_moved", for a file whose ledger is elsewhere now."""
    noted = read_note(path)
    if noted is not None:
        raise LedgerUnavailable(
            f"the ledger {path} was moved to {noted['place']} at {noted['at']}",
            remedy="set WORKBENCH_DATABASE_URL, or database_url in config.toml, to that database; to go on "
            f"with this old one, without what happened since, remove {note_path(path)}",
            code="ledger_moved",
        )


def _parse(target_url: str) -> URL:
    try:
        url = make_url(target_url)
    except ArgumentError:
        url = None
    if url is None or url.get_backend_name() != "postgresql":
        raise InvalidInput(
            "the ledger moves to PostgreSQL, and this is no address of one",
            remedy="name it: --to postgresql://user@host/name",
        )
    return url


def _require_sound(reading: Connection) -> None:
    revision = read_revision(reading)
    if revision != LATEST:
        raise LedgerUnavailable(
            f"the ledger has schema {revision or 'none'}; this version moves {LATEST} alone",
            remedy="let this version bring it there: workbench up --detach and workbench down; then move it",
            code="ledger_not_moved",
        )
    finding = verify_ledger(reading)
    if not finding.ok:
        raise _unsound("the ledger here does not verify", finding)


def _fill(reading: Connection, writing: Connection, place: str, progress: Progress) -> Moved:
    """Copies and verifies inside the caller's transactions."""
    existing = set(inspect(writing).get_table_names())
    if existing:
        return _recognise(reading, writing, place, existing)
    create_schema(writing)
    rows = 0
    sums: dict[str, int] = {}
    for table in t.metadata.sorted_tables:
        total = reading.execute(select(func.count()).select_from(table)).scalar_one()
        progress(table.name, 0, total)
        done = sums[table.name] = 0
        for chunk in _chunks(reading, table):
            _insert(writing, table, chunk)
            sums[table.name] += _sum_of(table, chunk)
            done += len(chunk)
            progress(table.name, done, total)
        rows += done
    progress("verifying", 0, 1)
    for table in t.metadata.sorted_tables:
        there = sum(_sum_of(table, chunk) for chunk in _chunks(writing, table))
        if there % _MODULUS != sums[table.name] % _MODULUS:
            raise _refused(f"what arrived in {table.name} is not what was sent")
    finding = verify_ledger(writing)
    if not finding.ok:
        raise _unsound("what arrived there does not verify", finding)
    progress("verifying", 1, 1)
    return Moved(place=place, events=finding.events, rows=rows)


def _recognise(reading: Connection, writing: Connection, place: str, existing: set[str]) -> Moved:
    """Returns what was moved where the database holds this very ledger, which may have gone on there."""
    if set(t.metadata.tables) <= existing and read_revision(writing) == LATEST:
        heads, events = t.event_heads, t.execution_events
        here = reading.execute(select(heads)).all()
        arrived = [
            writing.execute(
                select(events.c.leaf_hash).where(
                    events.c.project_id == head.project_id, events.c.seq == head.seq
                )
            ).scalar()
            == head.leaf_hash
            for head in here
            if head.seq
        ]
        if arrived and all(arrived):
            finding = verify_ledger(writing)
            if finding.ok:
                return Moved(place=place, events=finding.events, rows=0, is_earlier=True)
            raise _unsound("this ledger was moved there before, and does not verify there", finding)
    raise Conflict(
        f"the database is not empty: it holds {', '.join(sorted(existing)[:5])}",
        remedy="make an empty one (CREATE DATABASE) and name that",
        code="target_not_empty",
    )


def _chunks(connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    keys = list(table.primary_key.columns)
    query = select(table).order_by(*keys)
    result = connection.execute(query, execution_options={"yield_per": _CHUNK_ROWS})
    for part in result.mappings().partitions():
        yield [dict(row) for row in part]


def _insert(writing: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        # Said with the row's name: the database would say it of the whole chunk.
        if column := next(
            (name for name, value in row.items() if isinstance(value, str) and "\0" in value), ""
        ):
            raise LedgerUnavailable(
                f"{column} of the row {row_key(table, row)} of {table.name} holds a NUL character, which "
                "PostgreSQL cannot keep",
                remedy="set it anew without one, if it is a reason of yours; or stay with SQLite",
                code="ledger_not_moved",
            )
    writing.execute(table.insert(), rows)


_MODULUS: Final = 1 << 256


def _sum_of(table: Table, rows: list[dict[str, Any]]) -> int:
    """Returns a sum over the rows that any changed, lost or doubled byte changes, and their order does not.

    The two databases sort text differently.
    """
    names = [column.name for column in table.columns]
    total = 0
    for row in rows:
        hashed = hashlib.sha256()
        for name in names:
            value = row[name]
            is_binary = isinstance(value, bytes | memoryview)
            data = bytes(value) if is_binary else str(value).encode()
            kind = "binary" if is_binary else type(value).__name__
            hashed.update(f"{kind}:{len(data)}:".encode() + data)
        total += int.from_bytes(hashed.digest(), "big")
    return total % _MODULUS


def _write_note(path: Path, place: str, at: str, events: int) -> None:
    note, new = note_path(path), note_path(path).with_suffix(".new")
    text = json.dumps({"place": place, "at": at, "events": events})
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(note)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _unsound(words: str, finding: LedgerFinding) -> LedgerUnavailable:
    return LedgerUnavailable(
        f"{words}: {finding.problem}",
        remedy="nothing was moved; look at it with workbench audit verify, and restore a back-up",
        code="ledger_not_moved",
    )


def _refused(words: str) -> LedgerUnavailable:
    return LedgerUnavailable(
        f"the ledger was not moved: {' '.join(words.split())}",
        remedy="nothing of it is there; see that the database can be used and its user may create tables, "
        "and run it again",
        code="ledger_not_moved",
    )
