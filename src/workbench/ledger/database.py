"""Opens SQLite or PostgreSQL the one way the ledger needs it: durable, serial writes, foreign to nobody.

SQLite: WAL, synchronous=FULL, BEGIN IMMEDIATE for writers. PostgreSQL: psycopg 3. The engines are driven
from threads, because a thread hop a transaction costs less than one a statement.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from workbench.model.errors import InvalidInput, LedgerUnavailable

_BUSY_MILLISECONDS: Final = 15_000
_PATIENCE: Final = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""After how long a PostgreSQL that cannot be reached any more is given up (libpq's words, in s and ms): by
default a connection whose other end is cut off hangs for a quarter of an hour."""
_TRIAL_MILLISECONDS: Final = 2_000
"""Longer than any one append takes: whoever holds the ledger for so long is no server of ours."""


def open_engine(url: str, *, connections: int = 8) -> Engine:
    """Returns an engine for `sqlite:///PATH` or `postgresql://…`; raises InvalidInput for anything else.

    `connections` are kept open, and as many again opened for a rush.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InvalidInput(
            "WORKBENCH_DATABASE_URL is not a database address",
            remedy="use sqlite:////path/to/ledger.db or postgresql://user@host/name",
        ) from None
    match parsed.get_backend_name():
        case "sqlite":
            return _open_sqlite(parsed.database or "")
        case "postgresql":
            return create_engine(
                parsed.set(drivername="postgresql+psycopg"),
                pool_size=connections,
                max_overflow=connections,
                pool_pre_ping=True,
                connect_args=_patience(parsed),
            )
        case other:
            raise InvalidInput(
                f"{other} is not a database the ledger can live in",
                remedy="use sqlite:////path/to/ledger.db or postgresql://user@host/name",
            )


def connect_arguments(url: URL) -> dict[str, Any]:
    """Returns with which keywords psycopg itself connects to a PostgreSQL."""
    given: dict[str, Any] = PGDialect_psycopg().create_connect_args(url)[1]  # type: ignore[no-untyped-call]
    return {**given, **_patience(url)}


def _patience(url: URL) -> dict[str, int]:
    return {name: value for name, value in _PATIENCE.items() if name not in url.query}


def try_writing(engine: Engine) -> None:
    """Takes SQLite's one right to write and gives it back; raises OperationalError when that takes too long.

    A PostgreSQL that can be connected to is taken for one that can be written.
    """
    with engine.connect() as connection:
        if connection.dialect.name != "sqlite":
            connection.exec_driver_sql("SELECT 1")
            return
        driver = connection.connection.driver_connection
        assert driver is not None
        try:
            driver.execute(f"PRAGMA busy_timeout={_TRIAL_MILLISECONDS}")
            driver.execute("BEGIN IMMEDIATE")
            driver.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            raise OperationalError("BEGIN IMMEDIATE", None, error) from error
        finally:
            driver.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")


def _open_sqlite(path: str) -> Engine:
    if not path:
        raise InvalidInput(
            "the ledger's SQLite address has no file", remedy="use sqlite:////path/to/ledger.db"
        )
    try:
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made before SQLite does, so that nobody else can read it, nor its -wal and -shm: they copy its mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise LedgerUnavailable(
            f"the ledger {path} cannot be opened: {error.strerror}",
            remedy="see that this user can write it and its folder: WORKBENCH_HOME, or where "
            "WORKBENCH_DATABASE_URL leads",
        ) from error
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={"timeout": 15, "check_same_thread": False},
        pool_size=8,
        max_overflow=8,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # The driver must not open transactions of its own: append says BEGIN IMMEDIATE itself.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={_BUSY_MILLISECONDS}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        # By the driver itself: said through SQLAlchemy it takes a third of a short read.
        text = connection.get_execution_options().get("begin", "BEGIN")
        try:
            connection.connection.driver_connection.execute(text)
        except sqlite3.Error as error:
            raise DBAPIError.instance(text, None, error, sqlite3.Error, dialect=connection.dialect) from error

    return engine
