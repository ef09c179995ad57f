"""Ends a run on request: at once while it waits, with proof while it runs.

A running step is canceled only when its connector has shown that no process is left; drive records that.
What runs is ended even while nothing can be recorded: a disk that a run has filled must not protect the run.
"""

from __future__ import annotations

import asyncio

import structlog

from workbench.connectors.contract import CancelOutcome, ExternalRef
from workbench.engine.context import Context
from workbench.ledger.move import Move, MoveApproval, MoveRun, MoveStep, RequestCancel
from workbench.model.actor import Actor
from workbench.model.errors import Conflict, IllegalMove, LedgerUnavailable, WorkbenchError
from workbench.model.moves import ApprovalMove, RunMove, StepMove
from workbench.model.run import Run, Step
from workbench.model.statuses import RUN_ENDED, ApprovalStatus, RunStatus, StepStatus

log = structlog.get_logger()


class CancelUnrecorded(LedgerUnavailable):
    """A cancel has no record yet; `is_proved` says whether nothing of the run runs any more."""

    def __init__(self, message: str, *, remedy: str, is_proved: bool) -> None:
        super().__init__(message, remedy=remedy)
        self.is_proved = is_proved


async def cancel(context: Context, *, project_id: str, run_id: str, actor: Actor, reason: str) -> Run:
    """Cancels a run and returns it as it stands then: canceled, or running with the request recorded.

    Raises IllegalMove when it has already ended, and CancelUnrecorded when the ledger takes no request:
    what of the run was running has been told to end by then, and its words say what came of that.
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


async def follow_requests(context: Context, told: set[str]) -> None:
    """Ends what this process drives and another one was asked to end; `told` keeps what was told already.

    A request is a row that every server of the database sees; what runs is in the hands of one of them.
    """
    requested = await context.ledger.requested_ends()
    told &= {run_id for _, run_id in requested}
    for project_id, run_id in requested:
        if run_id in told or run_id not in context.run_locks:
            continue
        told.add(run_id)
        for step in await context.ledger.for_project(project_id).steps(run_id):
            if step.status is StepStatus.RUNNING and step.external_run_id is not None:
                ref = ExternalRef(connector_id=step.connector, external_run_id=step.external_run_id)
                context.spawn(_tell_quietly(context, ref, "canceled"))


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
        or (approval.status is ApprovalStatus.APPROVED and not approval.is_used)
    ]
    moves += [
        MoveStep(step_id=step.step_id, move=StepMove.CANCEL, version=step.version, note={"reason": reason})
        for step in steps
        if step.status in (StepStatus.QUEUED, StepStatus.BLOCKED)
    ]
    moves.append(
        MoveRun(run_id=run.run_id, move=RunMove.CANCEL, version=run.version, note={"reason": reason})
    )
    try:
        await context.ledger.append(project_id, moves, actor=actor.name, via=actor.via)
    except LedgerUnavailable as error:
        raise CancelUnrecorded(
            f"the cancel cannot be recorded ({error.message}); nothing of {run.run_id} runs, and nothing "
            "starts while the ledger takes no record",
            remedy=f"{error.remedy}; then cancel it again, or set the kill switch now: workbench kill",
            is_proved=True,
        ) from error


async def _cancel_running(
    context: Context, project_id: str, run: Run, steps: list[Step], actor: Actor, reason: str
) -> None:
    refs = [
        ExternalRef(connector_id=step.connector, external_run_id=step.external_run_id)
        for step in steps
        if step.status is StepStatus.RUNNING and step.external_run_id is not None
    ]
    if run.cancel_requested_at is None:
        try:
            await context.ledger.append(
                project_id, [RequestCancel(run_id=run.run_id, reason=reason)], actor=actor.name, via=actor.via
            )
        except LedgerUnavailable as error:
            context.unrecorded_cancels.setdefault(run.run_id, (actor, reason))
            await _end_unrecorded(context, run, refs, reason, error)
        context.unrecorded_cancels.pop(run.run_id, None)
    for ref in refs:
        # Beside the request: the connector's proof may take seconds, and drive records the end.
        context.spawn(_tell_quietly(context, ref, reason))


async def _end_unrecorded(
    context: Context, run: Run, refs: list[ExternalRef], reason: str, error: LedgerUnavailable
) -> None:
    """Ends what runs though the request for it cannot be recorded yet; raises what came of it."""
    log.warning("cancel not recorded yet", run_id=run.run_id, problem=error.message)
    ended = await asyncio.gather(*(_tell_connector(context, ref, reason) for ref in refs))
    came = (
        "its processes have ended"
        if all(ended)
        else "its processes were told to end, which is not proved yet"
    )
    raise CancelUnrecorded(
        f"{came}, but neither the cancel nor the end of {run.run_id} can be recorded now: {error.message}",
        remedy=f"{error.remedy}; both are recorded by themselves then: workbench show {run.run_id}",
        is_proved=all(ended),
    ) from error


async def _tell_quietly(context: Context, ref: ExternalRef, reason: str) -> None:
    await _tell_connector(context, ref, reason)


async def _tell_connector(context: Context, ref: ExternalRef, reason: str) -> bool:
    """Has the connector end a step; says whether it has shown that nothing of it is left."""
    await context.wait_dispatched(ref.external_run_id)
    try:
        outcome = await context.connectors[ref.connector_id].cancel(
            ref, reason=reason, deadline_seconds=context.limits.cancel_deadline_seconds
        )
    except WorkbenchError as error:
        log.warning("cancel failed", external_run_id=ref.external_run_id, problem=error.message)
        return False
    if outcome is not CancelOutcome.CONFIRMED:
        log.warning("cancel not confirmed", external_run_id=ref.external_run_id, outcome=outcome.value)
    return outcome is CancelOutcome.CONFIRMED
