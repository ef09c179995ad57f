"""The ledger's promises, the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from support.admissions import admission_for
from workbench.ledger.database import open_engine
from workbench.ledger.ledger import HOUSE, Ledger
from workbench.ledger.move import (
    CreateApproval,
    CreateRun,
    CreateStep,
    ForgetRule,
    Move,
    MoveApproval,
    MoveRun,
    MoveStep,
    Note,
    ObserveStep,
    PutLayer,
    PutProject,
    PutToken,
    RememberRule,
    SetKill,
    UseApproval,
)
from workbench.model.command import Command
from workbench.model.errors import Conflict, IllegalMove, LedgerUnavailable, NotFound
from workbench.model.moves import ApprovalMove, RunMove, StepMove
from workbench.model.plan import StepKind, single_command
from workbench.model.project import EnvProfile, Project
from workbench.model.statuses import BlockedBy, RunStatus, StepStatus, SyncStatus
from workbench.model.verdict import Decision, RiskLevel

COMMAND = Command(source_text="echo hi", cwd="/ws")
PLAN = single_command(COMMAND)


def new_run(run_id: str = "run_1", key: str | None = None) -> list[Move]:
    return [
        CreateRun(run_id=run_id, move=RunMove.ADMIT, plan=PLAN, requested_by="user:ann", idempotency_key=key),
        CreateStep(
            step_id=f"step_{run_id}",
            run_id=run_id,
            step_key="command",
            kind=StepKind.COMMAND,
            connector="local",
        ),
    ]


async def submit(ledger: Ledger, run_id: str = "run_1") -> None:
    await ledger.append("prj_1", new_run(run_id), actor="user:ann", via="cli")


async def test_a_run_moves_through_its_states_and_every_move_is_an_event(ledger: Ledger) -> None:
    await submit(ledger)
    start: list[Move] = [
        MoveRun(run_id="run_1", move=RunMove.START),
        MoveStep(step_id="step_run_1", move=StepMove.START, admission=admission_for(COMMAND)),
    ]
    await ledger.append("prj_1", start, actor="engine", via="engine")
    end: list[Move] = [
        MoveStep(step_id="step_run_1", move=StepMove.SUCCEED, exit_code=0),
        MoveRun(run_id="run_1", move=RunMove.SUCCEED),
    ]
    await ledger.append("prj_1", end, actor="engine", via="engine")
    run, steps = await ledger.for_project("prj_1").run_with_steps("run_1")
    assert (run.status, run.plan, run.version) == (RunStatus.SUCCEEDED, PLAN, 3)
    assert [(s.status, s.exit_code) for s in steps] == [(StepStatus.SUCCEEDED, 0)]
    tags = [event.tag for event in await ledger.for_project("prj_1").events()]
    assert tags == [
        "run:queued",
        "step:queued",
        "run:started",
        "step:started",
        "step:succeeded",
        "run:succeeded",
    ]
    assert (await ledger.verify()).ok


async def test_an_illegal_move_writes_nothing(ledger: Ledger) -> None:
    await submit(ledger)
    moves: list[Move] = [Note(tag="test:noted", payload={}), MoveRun(run_id="run_1", move=RunMove.SUCCEED)]
    with pytest.raises(IllegalMove) as caught:
        await ledger.append("prj_1", moves, actor="user:ann", via="cli")
    assert (caught.value.state, caught.value.move, caught.value.actor) == ("queued", "succeed", "user:ann")
    assert len(await ledger.for_project("prj_1").events()) == 2


async def test_a_replay_under_the_same_key_is_a_no_op(ledger: Ledger) -> None:
    moves = new_run()
    first = await ledger.append("prj_1", moves, actor="user:ann", via="cli", once="submit:run_1")
    again = await ledger.append("prj_1", moves, actor="user:ann", via="cli", once="submit:run_1")
    assert again == first
    assert len(await ledger.for_project("prj_1").events()) == 2


async def test_of_two_writers_with_the_same_version_one_wins(ledger: Ledger) -> None:
    await submit(ledger)
    outcomes = await asyncio.gather(
        *(
            ledger.append(
                "prj_1",
                [MoveRun(run_id="run_1", move=RunMove.HOLD, blocked_by=BlockedBy.POLICY, version=1)],
                actor=f"user:{n}",
                via="api",
            )
            for n in range(8)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, list) for outcome in outcomes) == 1
    assert all(isinstance(o, list | Conflict) for o in outcomes)


async def test_an_idempotency_key_belongs_to_one_run(ledger: Ledger) -> None:
    await ledger.append("prj_1", new_run("run_1", key="k"), actor="a", via="api")
    with pytest.raises(Conflict):
        await ledger.append("prj_1", new_run("run_2", key="k"), actor="a", via="api")
    found = await ledger.for_project("prj_1").run_by_idempotency_key("k")
    assert found is not None
    assert found.run_id == "run_1"


async def test_an_approval_is_decided_once_and_used_once(ledger: Ledger) -> None:
    await submit(ledger)
    bob = PutToken(token_id="tok_1", token_sha256="1", kind="token", token_actor="user:bob", role="approver")
    await ledger.append(HOUSE, [bob], actor="user:ann", via="cli")
    ask = CreateApproval(
        approval_id="apr_1",
        run_id="run_1",
        step_id="step_run_1",
        subject_digest="sha256:1",
        risk_level=RiskLevel.HIGH,
        quorum=1,
        requested_by="user:ann",
        expires_at="2026-01-03T00:00:00.000Z",
    )
    await ledger.append("prj_1", [ask], actor="user:ann", via="cli")
    with pytest.raises(IllegalMove):
        await ledger.append("prj_1", [UseApproval(approval_id="apr_1")], actor="engine", via="engine")
    approve = MoveApproval(approval_id="apr_1", move=ApprovalMove.APPROVE, decision="approve", reason="fine")
    await ledger.append("prj_1", [approve], actor="user:bob", via="page")
    with pytest.raises(IllegalMove):
        await ledger.append("prj_1", [approve], actor="user:eve", via="page")
    admission = admission_for(COMMAND, decision=Decision.REQUIRES_APPROVAL, approval_id="apr_1")
    start: list[Move] = [
        UseApproval(approval_id="apr_1"),
        MoveRun(run_id="run_1", move=RunMove.START),
        MoveStep(step_id="step_run_1", move=StepMove.START, admission=admission),
    ]
    await ledger.append("prj_1", start, actor="engine", via="engine")
    with pytest.raises(IllegalMove):
        await ledger.append("prj_1", [UseApproval(approval_id="apr_1")], actor="engine", via="engine")
    approval = await ledger.for_project("prj_1").approval("apr_1")
    assert [(d.actor, d.decision, d.reason) for d in approval.decisions] == [("user:bob", "approve", "fine")]


@pytest.mark.parametrize("key", ["via", "row"])
async def test_what_an_event_says_is_never_overwritten_by_what_the_ledger_adds(
    ledger: Ledger, key: str
) -> None:
    note = Note(tag="network:allowed", payload={key: "connect", "host": "example.org"})
    with pytest.raises(ValueError, match="the ledger's own"):
        await ledger.append("prj_1", [note], actor="engine", via="engine")
    assert await ledger.for_project("prj_1").events() == []


async def test_the_name_a_platform_chose_for_a_step_is_kept_and_is_no_status(ledger: Ledger) -> None:
    await submit(ledger)
    seen = ObserveStep(step_id="step_run_1", sync_status=SyncStatus.IN_SYNC, external_run_id="their-42")
    await ledger.append("prj_1", [seen], actor="engine", via="engine")
    (step,) = await ledger.for_project("prj_1").steps("run_1")
    assert (step.external_run_id, step.provider_status_raw, step.status) == (
        "their-42",
        None,
        StepStatus.QUEUED,
    )
    assert (await ledger.verify()).ok


async def test_one_project_cannot_see_or_move_what_another_owns(ledger: Ledger) -> None:
    await submit(ledger)
    with pytest.raises(NotFound):
        await ledger.for_project("prj_2").run("run_1")
    with pytest.raises(NotFound):
        await ledger.append("prj_2", [MoveRun(run_id="run_1", move=RunMove.START)], actor="x", via="api")


async def test_the_tail_gives_every_event_once_in_order_while_writers_race(ledger: Ledger) -> None:
    seen: list[int] = []

    async def follow() -> None:
        async for event in ledger.tail("prj_1", after=0):
            seen.append(event.seq)
            if len(seen) == 40:
                return

    follower = asyncio.create_task(follow())
    await asyncio.gather(
        *(
            ledger.append("prj_1", [Note(tag="test:noted", payload={"n": n})], actor="a", via="api")
            for n in range(40)
        )
    )
    await asyncio.wait_for(follower, 30)
    assert seen == list(range(1, 41))


async def test_projects_switches_and_kill_records_come_back_as_they_were_put(ledger: Ledger) -> None:
    project = Project(
        project_id="prj_1",
        name="Häuser",
        workspace_root="/ws",
        env_profiles=(EnvProfile(name="default", variables={"A": "1"}, secrets=("TOKEN",)),),
        created_at="2026-01-02T03:04:05.000Z",
    )
    await ledger.append(HOUSE, [PutProject(project=project)], actor="user:ann", via="cli")
    await ledger.append(
        HOUSE, [SetKill(scope="all", engaged=True, reason="drill")], actor="user:ann", via="cli"
    )
    assert await ledger.projects() == [project]
    assert [(k.scope, k.engaged, k.reason) for k in await ledger.kill_records()] == [("all", True, "drill")]
    assert (await ledger.verify()).ok


REMEMBER = RememberRule(
    rule_id="rem_1",
    program="npm",
    form="install",
    cedar="permit …",
    from_run_id="run_1",
    expires_at="2026-02-01T00:00:00.000Z",
)


async def test_a_rule_is_remembered_in_its_project_alone_until_it_is_forgotten(ledger: Ledger) -> None:
    await submit(ledger)
    (event,) = await ledger.append("prj_1", [REMEMBER], actor="user:ann", via="cli")
    assert (event.tag, event.run_id, event.payload["cedar"]) == ("policy:remembered", "run_1", "permit …")
    (rule,) = await ledger.for_project("prj_1").remembered_rules()
    assert (rule.program, rule.form, rule.created_by, rule.revoked_at) == ("npm", "install", "user:ann", None)
    assert await ledger.for_project("prj_2").remembered_rules() == []
    with pytest.raises(NotFound):
        await ledger.append("prj_2", [ForgetRule(rule_id="rem_1")], actor="user:eve", via="cli")
    (event,) = await ledger.append("prj_1", [ForgetRule(rule_id="rem_1")], actor="user:ann", via="cli")
    assert event.tag == "policy:forgotten"
    (rule,) = await ledger.for_project("prj_1").remembered_rules()
    assert rule.revoked_at == event.at
    assert (await ledger.verify()).ok


V0006_UNDONE = (
    "DROP TABLE workers",
    "DROP TABLE pool_ranks",
    "DROP INDEX execution_steps_by_worker",
    "ALTER TABLE execution_steps DROP COLUMN worker_id",
    "ALTER TABLE execution_runs DROP COLUMN pool",
    "ALTER TABLE execution_runs DROP COLUMN priority",
)

V0007_UNDONE = (
    "DROP TABLE run_holds",
    "ALTER TABLE execution_artifacts DROP COLUMN removed_at",
    "ALTER TABLE execution_artifacts DROP COLUMN removed_reason",
)
V0008_UNDONE = ("ALTER TABLE switches DROP COLUMN since", "ALTER TABLE switches DROP COLUMN overridden")


async def test_a_ledger_of_the_first_schema_can_be_checked_and_is_brought_up_to_date(
    database_url: str, ledger: Ledger
) -> None:
    await submit(ledger)
    engine = open_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE remembered_rules"))
        connection.execute(text("DROP TABLE policy_layers"))
        for statement in (*V0006_UNDONE, *V0007_UNDONE, *V0008_UNDONE):
            connection.execute(text(statement))
        for name in ("start_by", "edited_by", "changes"):
            connection.execute(text(f"ALTER TABLE execution_approvals DROP COLUMN {name}"))
        connection.execute(text("DROP INDEX access_tokens_by_actor"))
        for name in ("person", "made_with"):
            connection.execute(text(f"ALTER TABLE access_tokens DROP COLUMN {name}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    engine.dispose()
    assert (await ledger.verify()).ok
    assert await ledger.transcripts() == []
    second = Ledger(database_url, ledger._clock)
    await second.open()
    assert (await second.for_project("prj_1").run("run_1")).run_id == "run_1"
    await second.append("prj_1", [REMEMBER], actor="user:ann", via="cli")
    assert (await second.verify()).ok
    await second.close()


async def test_a_policy_layers_digest_is_changed_from_what_was_seen_and_an_edit_is_found(
    database_url: str, ledger: Ledger
) -> None:
    def put(digest: str, seen: str | None) -> list[Move]:
        tag = "policy:organisation_accepted"
        return [PutLayer(layer="organisation", digest=digest, seen=seen, tag=tag, payload={"digest": digest})]

    assert await ledger.layer_digest("organisation") is None
    await ledger.append(HOUSE, put("sha256:1", None), actor="engine", via="engine")
    with pytest.raises(Conflict):
        await ledger.append(HOUSE, put("sha256:2", None), actor="user:ann", via="cli")
    await ledger.append(HOUSE, put("", "sha256:1"), actor="user:ann", via="cli")
    assert await ledger.layer_digest("organisation") == ""
    assert (await ledger.verify()).ok
    engine = open_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE policy_layers SET digest = 'sha256:2'"))
    engine.dispose()
    finding = await ledger.verify()
    assert not finding.ok
    assert "policy_layers" in str(finding.problem)


TAMPERINGS = {
    "an edited event body": "UPDATE execution_events SET body = "
    "REPLACE(CAST(body AS TEXT), 'echo', 'exho') WHERE seq = 1",
    "an edited event column": "UPDATE execution_events SET actor = 'user:eve' WHERE seq = 2",
    "a deleted event": "DELETE FROM execution_events WHERE seq = 3",
    "a deleted first event": "DELETE FROM execution_events WHERE seq = 1",
    "a deleted last event": "DELETE FROM execution_events WHERE seq = 5",
    "swapped events": "UPDATE execution_events SET seq = CASE seq WHEN 2 THEN 903 WHEN 3 THEN 2 ELSE seq END "
    "WHERE seq IN (2, 3)",
    "an edited run": "UPDATE execution_runs SET requested_by = 'user:eve'",
    "an edited step": "UPDATE execution_steps SET exit_code = 0",
    "a remembered rule that outlives its time": "UPDATE remembered_rules SET expires_at = '2999'",
    "a deleted run": "DELETE FROM execution_runs",
    "a moved head": "UPDATE event_heads SET seq = 3",
    "a lost head": "DELETE FROM event_heads",
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
async def test_verify_finds(tampering: str, ledger: Ledger, database_url: str) -> None:
    await submit(ledger)
    start: list[Move] = [
        MoveRun(run_id="run_1", move=RunMove.START),
        MoveStep(step_id="step_run_1", move=StepMove.START, admission=admission_for(COMMAND)),
    ]
    await ledger.append("prj_1", start, actor="engine", via="engine")
    await ledger.append("prj_1", [REMEMBER], actor="user:ann", via="cli")
    assert (await ledger.verify()).ok
    statement = TAMPERINGS[tampering]
    if database_url.startswith("postgresql"):
        statement = statement.replace(
            "REPLACE(CAST(body AS TEXT), 'echo', 'exho')",
            "convert_to(REPLACE(convert_from(body, 'UTF8'), 'echo', 'exho'), 'UTF8')",
        )
    engine = open_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text(statement))
        if tampering == "swapped events":
            connection.execute(text("UPDATE execution_events SET seq = 3 WHERE seq = 903"))
    engine.dispose()
    finding = await ledger.verify()
    assert not finding.ok
    assert finding.problem


async def test_verify_finds_a_trigger_before_it_has_changed_anything(
    ledger: Ledger, database_url: str
) -> None:
    await submit(ledger)
    if database_url.startswith("postgresql"):
        statements = [
            "CREATE FUNCTION forge() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN NEW.requested_by = ''user:eve''; RETURN NEW; END'",
            "CREATE TRIGGER forge BEFORE INSERT ON execution_runs FOR EACH ROW EXECUTE FUNCTION forge()",
        ]
    else:
        statements = [
            "CREATE TRIGGER forge AFTER INSERT ON execution_runs "
            "BEGIN UPDATE execution_runs SET requested_by = 'user:eve'; END"
        ]
    engine = open_engine(database_url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()
    finding = await ledger.verify()
    assert (finding.ok, "forge" in str(finding.problem)) == (False, True)


async def test_a_database_from_a_newer_version_is_refused_and_left_alone(
    database_url: str, ledger: Ledger
) -> None:
    await submit(ledger)
    engine = open_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    newer = Ledger(database_url, ledger._clock)
    with pytest.raises(LedgerUnavailable, match="9999") as caught:
        await newer.open()
    await newer.close()
    assert caught.value.code == "database_too_new"
    assert caught.value.remedy
    assert len(await ledger.for_project("prj_1").events()) == 2


async def test_opening_twice_keeps_what_is_there(database_url: str, ledger: Ledger) -> None:
    await submit(ledger)
    second = Ledger(database_url, ledger._clock)
    await second.open()
    assert (await second.for_project("prj_1").run("run_1")).run_id == "run_1"
    await second.close()


async def test_a_file_that_is_no_database_is_refused_with_a_remedy(tmp_path: Path, clock: object) -> None:
    (tmp_path / "ledger.db").write_text("not a database at all, but long enough to be looked at " * 40)
    broken = Ledger(f"sqlite:///{tmp_path}/ledger.db", clock)  # type: ignore[arg-type]
    with pytest.raises(LedgerUnavailable) as caught:
        await broken.open()
    await broken.close()
    assert "back-up" in caught.value.remedy
