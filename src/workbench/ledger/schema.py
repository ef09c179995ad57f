"""Brings a database to this version's schema, and refuses one that a newer version has written.

An empty database gets the tables as they are now, one of an older version is migrated, with one outcome.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, text

from workbench.ledger.tables import metadata
from workbench.model.errors import LedgerUnavailable

LATEST: Final = "0008"
_KNOWN: Final = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008")
_SCHEMA_LOCK: Final = 0x776F726B0001
_revisions: Final = Table(
    "alembic_version", MetaData(), Column("version_num", String(32), nullable=False, primary_key=True)
)


def upgrade_schema(connection: Connection) -> None:
    """Makes the tables, or runs missing migrations, inside the connection's transaction.

    A database at LATEST costs one query. Raises LedgerUnavailable with code "database_too_new" when the
    database knows a revision that we do not.
    """
    if connection.dialect.name == "postgresql":
        # Two machines may come to an empty database at once; the second finds what the first one made.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK})
    found = refuse_newer(connection)
    if found == LATEST:
        return
    # Alembic costs a quarter of a second, so that only a database with something to migrate waits for it.
    if found is None and not set(inspect(connection).get_table_names()) & set(metadata.tables):
        create_schema(connection)
    else:
        migrate_schema(connection)


def create_schema(connection: Connection) -> None:
    """Makes every table of LATEST in a database that has none of them."""
    metadata.create_all(connection, checkfirst=False)
    _revisions.create(connection)
    connection.execute(_revisions.insert().values(version_num=LATEST))


def migrate_schema(connection: Connection) -> None:
    """Runs the migrations that the database has not had."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, LATEST)


def refuse_newer(connection: Connection) -> str | None:
    """Returns the database's revision; raises LedgerUnavailable, "database_too_new", for an unknown one."""
    found = read_revision(connection)
    if found is not None and found not in _KNOWN:
        raise LedgerUnavailable(
            f"the database has schema {found}; this version knows up to {LATEST}",
            remedy="use the newer workbench that wrote it, or point WORKBENCH_HOME at another folder",
            code="database_too_new",
        )
    return found


def read_revision(connection: Connection) -> str | None:
    """Returns the schema revision of the database, or None when it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
