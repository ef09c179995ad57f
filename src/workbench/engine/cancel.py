"""Ends a run on request: at once while it waits, with proof while it runs.

A running step is canceled only when its connector has shown that no process is left; drive records that.
"""

from __future__ import annotations

import structlog

from workbench.connectors.contract import CancelOutcome, ExternalRef
from workbench.engine.context import Context
from workbench.ledger.move import Move, MoveApproval, MoveRun, MoveStep, RequestCancel
from workbench.model.actor import Actor
from workbench.model.errors import Conflict, IllegalMove, WorkbenchError
from workbench.model.moves import ApprovalMove, RunMove, StepMove
from workbench.model.run import Run, Step
from workbench.model.statuses import RUN_ENDED, ApprovalStatus, RunStatus, StepStatus

log = structlog.get_logger()


async def cancel(context: Context, *, project_id: str, run_id: str, actor: Actor, reason: str) -> Run:
    """Cancels a run and returns it as it stands then: canceled, or running with the request recorded.

    Raises IllegalMove when it has already ended.
    """
    reads = context.ledger.for_project(project_id)
    while True:
        run, steps = await reads.run_with_steps(run_id)
        if run.status in RUN_ENDED:
            raise IllegalMove(noun="run", object_id=run_id, state=run.status, move="cancel", actor=actor.name)
        try:
            if run.status is RunStatus.RUNNING:
                await _cancel_running(context, project_id, run, steps, actor, reason)
            else:
                await _cancel_waiting(context, project_id, run, steps, actor, reason)
        except Conflict:
            # It moved between our look and our write; the versions saw to it that nothing was written.
            continue
        return await reads.run(run_id)


async def _cancel_waiting(
    context: Context, project_id: str, run: Run, steps: list[Step], actor: Actor, reason: str
) -> None:
    moves: list[Move] = [
        MoveApproval(
            approval_id=approval.approval_id,
            move=ApprovalMove.WITHDRAW,
            decision="withdraw",
            reason=reason,
            version=approval.version,
        )
        for approval in await context.ledger.for_project(project_id).approvals(run_id=run.run_id)
        if approval.status is ApprovalStatus.PENDING
    ]
    moves += [
        MoveStep(step_id=step.step_id, move=StepMove.CANCEL, version=step.version, note={"reason": reason})
        for step in steps
        if step.status in (StepStatus.QUEUED, StepStatus.BLOCKED)
    ]
    moves.append(
        MoveRun(run_id=run.run_id, move=RunMove.CANCEL, version=run.version, note={"reason": reason})
    )
    await context.ledger.append(project_id, moves, actor=actor.name, via=actor.via)


async def _cancel_running(
    context: Context, project_id: str, run: Run, steps: list[Step], actor: Actor, reason: str
) -> None:
    if run.cancel_requested_at is None:
        await context.ledger.append(
            project_id, [RequestCancel(run_id=run.run_id, reason=reason)], actor=actor.name, via=actor.via
        )
    for step in steps:
        if step.status is StepStatus.RUNNING and step.external_run_id is not None:
            ref = ExternalRef(connector_id=step.connector, external_run_id=step.external_run_id)
            context.spawn(_tell_connector(context, ref, reason))


async def _tell_connector(context: Context, ref: ExternalRef, reason: str) -> None:
    """Runs beside the request: the connector's proof may take seconds, and drive records the end."""
    await context.wait_dispatched(ref.external_run_id)
    try:
        outcome = await context.connectors[ref.connector_id].cancel(
            ref, reason=reason, deadline_seconds=context.limits.cancel_deadline_seconds
        )
    except WorkbenchError as error:
        log.warning("cancel failed", external_run_id=ref.external_run_id, problem=error.message)
        return
    if outcome is not CancelOutcome.CONFIRMED:
        log.warning("cancel not confirmed", external_run_id=ref.external_run_id, outcome=outcome.value)
