"""Brings a database to this version's schema, and refuses one that a newer version has written."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from workbench.model.errors import LedgerUnavailable

LATEST: Final = "0004"
_KNOWN: Final = ("0001", "0002", "0003", "0004")


def upgrade_schema(connection: Connection) -> None:
    """Runs missing migrations inside the connection's transaction; a database at LATEST costs one query.

    Raises LedgerUnavailable with code "database_too_new" when the database knows a revision that we do not.
    """
    if refuse_newer(connection) == LATEST:
        return
    # Alembic costs a quarter of a second to import, so a start that has nothing to migrate goes without.
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
