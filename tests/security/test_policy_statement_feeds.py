"""Statements that reach a database's client through a pipe, a redirect or a file weigh what they do by word.

All of these are asked about anyway; judged here is whether it is said that something is lost for good.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.model.verdict import Decision, RiskLevel
from workbench.policy import judge, load_policy
from workbench.policy.statements import LONGEST
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy()
DROP = "drop table users;\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "db").mkdir()
    for name, text in {
        "db/dump.sql": DROP,
        "dump": DROP,
        "q.sql": "select 1;\n",
        "seed.sql": "create table a(b int);\ninsert into a values (1);\n",
        "x.js": "db.users.drop()\n",
        "long.sql": "select 1;\n" * (LONGEST // 10) + DROP,
    }.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "packed.sql").write_bytes(b"\x1f\x8b\xff\x00")
    (tmp_path / "app.db").write_bytes(b"SQLite format 3\x00\xff\xfe")
    return tmp_path.resolve()


def is_destructive(text: str, root: Path) -> bool:
    surroundings = ProjectSurroundings(workspace_root=str(root), toolchains=())
    found = judge(POLICY, text, cwd=str(root), workspace_root=str(root), surroundings=surroundings).verdict
    if "destructive" in found.reason_codes:
        assert found.verdict is not Decision.ALLOW
        assert found.risk_level is RiskLevel.HIGH
        return True
    return False


LOSES = (
    *(
        "cat db/dump.sql | psql",
        "psql < db/dump.sql",
        "psql app < dump",
        "cat < dump | psql",
        "cat db/*.sql | psql",
    ),
    *("cat db/dump.sql | head -5 | sqlite3 app.db", "tail -n 5 dump | mysql app", "cat q.sql dump | psql"),
    *("tee log < dump | psql", "sed s/a/b/ dump | psql", "grep -v x dump | psql", "sort dump | psql"),
    *(
        "psql -f db/dump.sql",
        "psql -f dump",
        "psql --file dump",
        "psql --file=dump",
        "psql -fdump",
        "psql -X -1 -f dump",
    ),
    *(
        "sqlite3 app.db < dump",
        "sqlite3 app.db '.read dump'",
        "sqlite3 -init dump app.db",
        "mysql -e 'source dump'",
    ),
    *(
        "psql -c '\\i dump'",
        "cqlsh -f dump",
        "sqlcmd -i dump",
        "mongosh app x.js",
        "mongosh < x.js",
        "cat x.js | mongosh",
    ),
    *("echo 'drop table x' | mysql", "printf 'drop table x;' | psql", "echo drop table x | tee log | psql"),
    *(
        "psql <<'E'\ndrop table x;\nE",
        "psql <<E\ntruncate x;\nE",
        "mysql <<< 'drop table x'",
        "echo FLUSHALL | redis-cli",
    ),
    *("(echo 'drop table x') | psql", "{ cat dump; } | psql", "psql < <(cat dump)", 'psql -c "$(cat dump)"'),
    *("psql 0< dump", "while read x; do psql -c $x; done < dump", "if true; then psql < dump; fi"),
    *(
        "cat dump | docker exec -i db psql",
        "docker exec -i db psql < dump",
        "docker compose exec -T db psql < dump",
    ),
    *("cat dump | timeout 60 psql", "timeout 60 psql < dump", "timeout 60 psql <<E\ndrop table x;\nE"),
    *(
        "echo 'drop table x' | nice psql",
        "cat dump | bash -c psql",
        "bash -c 'cat dump | psql'",
        "bash -c psql < dump",
    ),
    *("cd db && psql < dump.sql", "cd db && cat dump.sql | psql", "psql -f db/../dump"),
    *("python manage.py dbshell < dump", "cat dump | python manage.py dbshell", "rails dbconsole < dump"),
    *(
        "echo 'drop table x' > new.sql && psql -f new.sql",
        "echo x > q.sql && psql -f q.sql",
        "cp dump q.sql; psql < q.sql",
    ),
)
UNSEEN = (
    *(
        "gunzip -c x.gz | psql",
        "zcat x.gz | mysql",
        "echo ZHJvcA== | base64 -d | psql",
        "curl https://a.example | psql",
    ),
    *(
        "pg_dump a | psql b",
        "python gen.py | psql",
        "psql < packed.sql",
        "cat packed.sql | psql",
        "psql -f packed.sql",
    ),
    *(
        "psql < long.sql",
        "psql -f long.sql",
        "cat long.sql | psql",
        "xargs psql -c < dump",
        "tr a-z n-za-m < q.sql | psql",
    ),
    "rev q.sql | mysql",
)
KEEPS = (
    *("cat q.sql | psql", "psql < q.sql", "psql -f q.sql", "psql --file=q.sql", "sqlite3 app.db < q.sql"),
    *(
        "cat seed.sql | sqlite3 app.db",
        "echo 'select 1' | psql",
        "psql <<E\nselect 1;\nE",
        "timeout 5 psql < q.sql",
    ),
    *(
        "sqlite3 app.db 'select * from users'",
        "sqlite3 app.db .tables",
        "head -1 q.sql | psql",
        "psql -f gone.sql",
    ),
    *(
        "cat dump",
        "cat dump && psql -f q.sql",
        "cat dump | wc -l; psql < q.sql",
        "redis-cli get user:1",
        "mysql -e 'select 1'",
    ),
    *("python manage.py dbshell < q.sql", "python manage.py test < dump"),
)


@pytest.mark.parametrize("text", LOSES)
def test_a_statement_that_loses_data_is_high_risk_however_it_is_fed(root: Path, text: str) -> None:
    assert is_destructive(text, root)


@pytest.mark.parametrize("text", UNSEEN)
def test_statements_that_nobody_has_seen_count_as_such(root: Path, text: str) -> None:
    assert is_destructive(text, root)


@pytest.mark.parametrize("text", KEEPS)
def test_what_only_reads_or_adds_is_not_called_destructive(root: Path, text: str) -> None:
    assert not is_destructive(text, root)
