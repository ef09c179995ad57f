"""What a database's client is told and cannot be taken back is high risk, wherever it stands."""

from __future__ import annotations

import pytest

from workbench.model.verdict import Decision, RiskLevel
from workbench.policy import judge, load_policy
from workbench.policy.load import ExampleSurroundings
from workbench.policy.statements import is_irreversible

POLICY = load_policy(is_tried=False)
LOST = (
    *(
        "drop table users",
        "DROP DATABASE app",
        "drop index if exists i",
        "truncate users",
        "TRUNCATE TABLE a",
    ),
    *(
        "delete from users",
        "DELETE FROM users;",
        "delete from users where 1=1",
        "delete from users where true",
    ),
    *("update users set admin = 1", "alter table users drop column name", "select 1; drop view v"),
    *("DR" + "OP/**/TABLE users", "delete/* x */from users", "db.dropDatabase()", "db.users.drop()"),
    *("db.users.deleteMany({})", "db.users.remove({})", "match (n) detach delete n", "drop\n  schema public"),
)
KEPT = (
    *("select * from users", "delete from users where id = 7", "update users set name = 'x' where id = 7"),
    *(
        "insert into users values (1)",
        "select dropped from users",
        "create table t (a int)",
        "db.users.find({})",
    ),
)
CLIENTS = (
    *('psql -c "{}"', 'psql -d app -X --command="{}"', 'mysql -u root -e "{}"', 'mariadb app -e "{}"'),
    *('sqlite3 app.db "{}"', 'duckdb data.db "{}"', 'clickhouse-client -q "{}"', 'mongosh --eval "{}"'),
    *(
        'echo "{}" | psql app',
        'mysql app <<< "{}"',
        'docker exec db psql -U app -c "{}"',
        'sudo -u x psql -c "{}"',
    ),
    *(
        'timeout 5 psql -c "{}"',
        "bash -c 'sqlite3 app.db \"{}\"'",
        'cd src && sqlite3 a.db "{}"',
        'snowsql -q "{}"',
    ),
)


def verdict(text: str) -> tuple[Decision, RiskLevel]:
    found = judge(POLICY, text, cwd="/ws", workspace_root="/ws", surroundings=ExampleSurroundings()).verdict
    return found.verdict, found.risk_level


@pytest.mark.parametrize("statement", LOST)
def test_what_is_lost_for_good_is_seen(statement: str) -> None:
    assert is_irreversible((statement,), "")
    assert is_irreversible((), f"begin;\n{statement};\ncommit;")


@pytest.mark.parametrize("statement", KEPT)
def test_what_is_kept_is_not(statement: str) -> None:
    assert not is_irreversible((statement,), statement)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("statement", [text for text in LOST if "'" not in text and "\n" not in text])
def test_it_is_high_risk_whichever_client_it_is_given_to(client: str, statement: str) -> None:
    found, risk = verdict(client.format(statement))
    assert found is not Decision.ALLOW
    assert risk is RiskLevel.HIGH


@pytest.mark.parametrize(
    "text",
    [
        *("redis-cli flushall", "redis-cli -n 3 FLUSHDB", "redis-cli del user:1", "valkey-cli flushdb async"),
        *(
            "etcdctl del --prefix /",
            "consul kv delete -recurse x",
            "flyway clean",
            "dbmate drop",
            "liquibase drop-all",
        ),
        *(
            "pg_restore --clean a.dump",
            "mongorestore --drop dump",
            "bq rm -f app.t",
            "dropdb app",
            "sqitch revert",
        ),
    ],
)
def test_words_that_order_a_removal_are_high_risk(text: str) -> None:
    assert verdict(text) == (Decision.REQUIRES_APPROVAL, RiskLevel.HIGH)


@pytest.mark.parametrize(
    "text", ["psql -c 'select 1'", "redis-cli get user:1", "psql -c 'delete from a where id = 7'"]
)
def test_what_only_reads_a_server_or_deletes_one_row_is_not(text: str) -> None:
    assert verdict(text) == (Decision.REQUIRES_APPROVAL, RiskLevel.MEDIUM)


def test_reading_a_database_file_stays_allowed() -> None:
    assert verdict("sqlite3 app.db 'select * from users'")[0] is Decision.ALLOW


def test_a_file_of_statements_in_the_workspace_is_read() -> None:
    class Held(ExampleSurroundings):
        def read_text(self, path: str) -> str | None:
            return {"/ws/a.sql": "select 1;\ndrop table x;\n", "/ws/b.sql": "select 1;\n"}.get(path)

    def risk(text: str) -> RiskLevel:
        found = judge(POLICY, text, cwd="/ws", workspace_root="/ws", surroundings=Held())
        return found.verdict.risk_level

    assert [risk(text) for text in ("psql -f a.sql", "mysql app < a.sql", "psql -f b.sql")] == [
        RiskLevel.HIGH,
        RiskLevel.HIGH,
        RiskLevel.MEDIUM,
    ]
