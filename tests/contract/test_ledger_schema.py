"""A new database and one migrated from the first version on have the same schema, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, MetaData, inspect, text

from workbench.ledger.database import open_engine
from workbench.ledger.schema import LATEST, create_schema, migrate_schema, read_revision, upgrade_schema


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    engine = open_engine(database_url)
    with engine.connect() as connection, connection.begin():
        yield connection
    engine.dispose()


def _describe(connection: Connection) -> dict[str, Any]:
    """Everything of the schema that a database tells: columns in order, keys, uniqueness, indexes."""
    seen = inspect(connection)

    def ordered(found: list[Any]) -> list[Any]:
        return sorted(found, key=lambda one: sorted((name, str(value)) for name, value in one.items()))

    return {
        table: {
            "columns": [{**column, "type": str(column["type"])} for column in seen.get_columns(table)],
            "key": seen.get_pk_constraint(table)["constrained_columns"],
            "unique": ordered([one["column_names"] and one for one in seen.get_unique_constraints(table)]),
            "indexes": ordered(list(seen.get_indexes(table))),
        }
        for table in sorted(seen.get_table_names())
    }


def _drop_all(connection: Connection) -> None:
    found = MetaData()
    found.reflect(connection)
    found.drop_all(connection)


def test_a_new_database_has_the_schema_that_migrations_lead_to(connection: Connection) -> None:
    create_schema(connection)
    new = _describe(connection)
    assert read_revision(connection) == LATEST
    _drop_all(connection)
    assert _describe(connection) == {}

    migrate_schema(connection)

    assert read_revision(connection) == LATEST
    assert _describe(connection) == new
    assert len(new) > 10


def test_a_database_whose_tables_have_no_revision_is_not_taken_for_a_new_one(connection: Connection) -> None:
    create_schema(connection)
    connection.execute(text("INSERT INTO event_heads VALUES ('p', 1, 'hash')"))
    connection.execute(text("DROP TABLE alembic_version"))

    with pytest.raises(Exception, match="already exists"), connection.begin_nested():
        upgrade_schema(connection)

    if connection.dialect.name == "postgresql":
        assert connection.execute(text("SELECT seq FROM event_heads")).scalar() == 1
