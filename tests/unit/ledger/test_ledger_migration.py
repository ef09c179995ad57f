"""A database of the first schema comes up to date, and what was written before still verifies."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

import workbench.ledger
from support.clock import ToldClock
from workbench.ledger.database import open_engine
from workbench.ledger.ledger import Ledger
from workbench.ledger.move import CreateApproval, CreateRun, CreateStep, Move
from workbench.model.command import Command
from workbench.model.moves import RunMove
from workbench.model.plan import StepKind, single_command
from workbench.model.verdict import RiskLevel

MIGRATIONS = Path(workbench.ledger.__file__).parent / "migrations"
RUN: list[Move] = [
    CreateRun(
        run_id="run_1",
        move=RunMove.ADMIT,
        plan=single_command(Command(source_text="ls", cwd="/ws")),
        requested_by="user:ann",
    ),
    CreateStep(
        step_id="step_1", run_id="run_1", step_key="command", kind=StepKind.COMMAND, connector="local"
    ),
    CreateApproval(
        approval_id="apr_1",
        run_id="run_1",
        step_id="step_1",
        subject_digest="sha256:1",
        risk_level=RiskLevel.HIGH,
        quorum=1,
        requested_by="user:ann",
        expires_at="2026-01-03T00:00:00.000Z",
    ),
]


def change(url: str, *statements: str) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


async def test_rows_of_the_first_schema_keep_their_digest_and_an_edited_new_column_is_found(
    tmp_path: Path, clock: ToldClock
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    first = Ledger(url, clock)
    await first.open()
    await first.append("prj_1", RUN, actor="user:ann", via="cli")
    await first.close()
    # Back to what the first schema would hold: its columns, and the same events.
    columns = ("start_by", "edited_by", "changes")
    drop = [f"ALTER TABLE execution_approvals DROP COLUMN {name}" for name in columns]
    drop.append("DROP INDEX access_tokens_by_actor")
    drop += ["DROP TABLE workers", "DROP TABLE pool_ranks", "DROP INDEX execution_steps_by_worker"]
    drop += [f"ALTER TABLE execution_runs DROP COLUMN {name}" for name in ("pool", "priority")]
    drop.append("ALTER TABLE execution_steps DROP COLUMN worker_id")
    drop += [f"ALTER TABLE access_tokens DROP COLUMN {name}" for name in ("person", "made_with")]
    drop += [f"ALTER TABLE switches DROP COLUMN {name}" for name in ("since", "overridden")]
    drop += [
        f"ALTER TABLE execution_artifacts DROP COLUMN {name}" for name in ("removed_at", "removed_reason")
    ]
    change(
        url,
        "DROP TABLE remembered_rules",
        "DROP TABLE policy_layers",
        "DROP TABLE run_holds",
        *drop,
        "UPDATE alembic_version SET version_num = '0001'",
    )

    old = Ledger(url, clock)
    assert (await old.verify()).ok, "an older database is verified as it is"
    await old.open()
    assert (await old.verify()).ok
    assert (await old.for_project("prj_1").approval("apr_1")).start_by is None
    await old.close()

    change(url, "UPDATE execution_approvals SET start_by = '2099-01-01T00:00:00.000Z'")
    edited = Ledger(url, clock)
    finding = await edited.verify()
    await edited.close()
    assert not finding.ok


def test_the_migrations_lead_from_the_first_schema_to_the_tables_that_the_code_knows(tmp_path: Path) -> None:
    from workbench.ledger import tables
    from workbench.ledger.schema import LATEST

    engine = open_engine(f"sqlite:///{tmp_path}/ledger.db")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        command.upgrade(config, LATEST)
        for table in tables.metadata.tables.values():
            found = connection.execute(text(f"SELECT * FROM {table.name}"))
            assert list(found.keys()) == [column.name for column in table.c]
    engine.dispose()
