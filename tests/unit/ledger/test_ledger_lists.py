"""Lists that page, and counts, on both databases."""

from __future__ import annotations

import pytest

from workbench.ledger.ledger import HOUSE, Ledger
from workbench.ledger.move import CreateApproval, CreateRun, CreateStep, Move, MoveApproval, PutProject
from workbench.model.command import Command
from workbench.model.errors import InvalidInput
from workbench.model.moves import ApprovalMove, RunMove
from workbench.model.plan import StepKind, single_command
from workbench.model.project import Project
from workbench.model.statuses import BlockedBy, RunStatus
from workbench.model.verdict import RiskLevel

RISKS = ["low", "high", "medium", "high", "low", "medium", "high"]


async def hold(ledger: Ledger, number: int, risk: str, project_id: str = "prj_1") -> None:
    plan = single_command(Command(source_text="rm x", cwd="/ws"))
    run_id, step_id = f"run_{number}", f"step_{number}"
    moves: list[Move] = [
        CreateRun(
            run_id=run_id,
            move=RunMove.HOLD,
            plan=plan,
            requested_by="user:ann",
            blocked_by=BlockedBy.APPROVAL,
        ),
        CreateStep(
            step_id=step_id, run_id=run_id, step_key="command", kind=StepKind.COMMAND, connector="local"
        ),
        CreateApproval(
            approval_id=f"apr_{number}",
            run_id=run_id,
            step_id=step_id,
            subject_digest="sha256:1",
            risk_level=RiskLevel(risk),
            quorum=1,
            requested_by="user:ann",
            expires_at="2027-01-01T00:00:00.000Z",
        ),
    ]
    await ledger.append(project_id, moves, actor="user:ann", via="cli")


async def pages(ledger: Ledger, project_id: str | None, *, limit: int) -> list[str]:
    seen: list[str] = []
    after = None
    while True:
        page = await ledger.approvals(project_id, status="pending", after=after, limit=limit)
        assert len(page.approvals) <= limit
        seen += [approval.approval_id for approval in page.approvals]
        after = page.next_after
        if after is None:
            return seen


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
async def test_approvals_page_riskiest_first_then_newest_with_none_lost_or_doubled(
    ledger: Ledger, limit: int
) -> None:
    for number, risk in enumerate(RISKS):
        await hold(ledger, number, risk)
    assert await pages(ledger, "prj_1", limit=limit) == [f"apr_{n}" for n in (6, 3, 1, 5, 2, 4, 0)]


async def test_the_cursor_holds_when_the_last_of_a_page_was_decided_meanwhile(ledger: Ledger) -> None:
    for number, risk in enumerate(RISKS):
        await hold(ledger, number, risk)
    first = await ledger.approvals("prj_1", status="pending", limit=2)
    assert first.next_after == "apr_3"
    expire: list[Move] = [MoveApproval(approval_id="apr_3", move=ApprovalMove.EXPIRE, decision="", reason="")]
    await ledger.append("prj_1", expire, actor="engine", via="engine")
    after = await ledger.approvals("prj_1", status="pending", after=first.next_after, limit=2)
    assert [approval.approval_id for approval in after.approvals] == ["apr_1", "apr_5"]


async def test_one_project_never_sees_anothers_and_without_one_all_are_listed(ledger: Ledger) -> None:
    await hold(ledger, 1, "low")
    await hold(ledger, 2, "high", project_id="prj_2")
    assert await pages(ledger, "prj_1", limit=5) == ["apr_1"]
    assert await pages(ledger, None, limit=5) == ["apr_2", "apr_1"]
    with pytest.raises(InvalidInput):
        await ledger.approvals("prj_1", after="apr_2")
    runs = await ledger.runs(None)
    assert [run.run_id for run, _ in runs.runs] == ["run_2", "run_1"]
    assert [run.run_id for run, _ in (await ledger.runs("prj_2")).runs] == ["run_2"]


async def test_counts_name_every_status_and_count_the_events_that_are_there(ledger: Ledger) -> None:
    empty = await ledger.counts()
    assert (set(empty.runs), sum(empty.runs.values()), empty.events) == (set(RunStatus), 0, 0)
    await hold(ledger, 1, "low")
    await hold(ledger, 2, "low", project_id="prj_2")
    project = Project(project_id="prj_9", name="n", workspace_root="/ws", created_at="")
    await ledger.append(HOUSE, [PutProject(project=project)], actor="a", via="cli")
    whole, one = await ledger.counts(), await ledger.counts("prj_2")
    assert (whole.runs[RunStatus.BLOCKED], one.runs[RunStatus.BLOCKED]) == (2, 1)
    assert whole.events == (await ledger.verify()).events
    assert one.events == len(await ledger.for_project("prj_2").events())
