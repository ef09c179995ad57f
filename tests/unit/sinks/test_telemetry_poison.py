"""One event of which no span can be made is given up after some tries, counted, and holds up nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

from structlog.testing import capture_logs

from support.clock import ToldClock
from support.collector import collecting, facts_of
from workbench.ledger.ledger import HOUSE, Ledger
from workbench.ledger.move import CreateRun, CreateStep, Move, MoveRun, Note, PutProject
from workbench.model.command import Command
from workbench.model.moves import RunMove
from workbench.model.plan import StepKind, single_command
from workbench.model.project import Project
from workbench.model.statuses import BlockedBy
from workbench.sinks.telemetry import Telemetry


async def end_run(ledger: Ledger, project_id: str, run_id: str) -> None:
    plan = single_command(Command(source_text="pwd", cwd="/ws"))
    create = CreateRun(
        run_id=run_id,
        move=RunMove.HOLD,
        plan=plan,
        requested_by="user:ann",
        blocked_by=BlockedBy.POLICY,
        note={"reason": "no"},
    )
    step = CreateStep(
        step_id=f"step_{run_id}",
        run_id=run_id,
        step_key="command",
        kind=StepKind.COMMAND,
        connector="local",
    )
    moves: list[Move] = [create, step, MoveRun(run_id=run_id, move=RunMove.CANCEL)]
    await ledger.append(project_id, moves, actor="user:ann", via="cli")


async def test_an_event_of_which_no_span_can_be_made_is_given_up(tmp_path: Path, clock: ToldClock) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", clock)
    await ledger.open()
    for name in ("one", "two"):
        project = Project(project_id=f"prj_{name}", name=name, workspace_root=f"/{name}")
        await ledger.append(HOUSE, [PutProject(project=project)], actor="user:ann", via="cli")
    with collecting() as collector, capture_logs() as logged:
        sender = Telemetry(
            ledger,
            collector.url,
            version="1",
            instance="i",
            cursor_file=tmp_path / "places.json",
            metrics_milliseconds=100,
        )
        await sender.begin()
        await end_run(ledger, "prj_one", "run_1")
        poison = Note(
            tag="step:failed",
            payload={"attempt": "no number"},
            run_id="run_1",
            step_id="step_run_1",
        )
        await ledger.append("prj_one", [poison], actor="user:ann", via="cli")
        await end_run(ledger, "prj_one", "run_2")
        await end_run(ledger, "prj_two", "run_3")
        sending = asyncio.create_task(sender.run())
        try:
            spans = await asyncio.to_thread(collector.wait_spans, 3)
            counted = await asyncio.to_thread(collector.wait_metric, "workbench.telemetry.given_up")
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            sender.close()
    # The other project did not wait for it at all.
    assert [facts_of(span)["workbench.run.id"] for span in spans] == ["run_1", "run_3", "run_2"]
    assert [point.as_int for point in counted.sum.data_points] == [1]
    said = [line["event"] for line in logged if line["log_level"] == "error"]
    assert said == ["telemetry failed", "telemetry failed", "event given up"]
    await ledger.close()
