"""Brings a run as far as it can go: asks the gate, starts ready steps, watches them, records their ends.

It can be called at any time and any number of times: what the ledger says decides what is done. A step
that already runs is watched again, never launched again.
"""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

from workbench.connectors.contract import Ended, ExternalRef, NativeState, Problem, Snapshot
from workbench.engine.ask import ask_step
from workbench.engine.connections import notes_left, recording
from workbench.engine.context import ENGINE, Context
from workbench.engine.elsewhere import is_own, require_same
from workbench.engine.flags import render_answers
from workbench.engine.held_up import hold_up
from workbench.engine.look import read_kill
from workbench.engine.ready import build_dispatch
from workbench.engine.submit import approval_request, render_judgement
from workbench.gate.approvals import has_lapsed
from workbench.ledger.move import (
    AddArtifact,
    Move,
    MoveApproval,
    MoveRun,
    MoveStep,
    ObserveStep,
    RequestCancel,
    UseApproval,
)
from workbench.model.admission import Admission
from workbench.model.approval import Approval
from workbench.model.artifact import Artifact, ArtifactKind
from workbench.model.clock import render_time
from workbench.model.counted import render_count
from workbench.model.errors import Conflict, LedgerUnavailable, StartRefused, WorkbenchError
from workbench.model.moves import ApprovalMove, RunMove, StepMove
from workbench.model.plan import PlanStep
from workbench.model.project import Project
from workbench.model.run import Run, Step
from workbench.model.statuses import (
    RUN_ENDED,
    ApprovalStatus,
    BlockedBy,
    RunStatus,
    StepStatus,
    SyncStatus,
)
from workbench.secrets.redact import redact_text
from workbench.secrets.scope import release

log = structlog.get_logger()


async def drive(context: Context, project_id: str, run_id: str) -> None:
    """Drives the run until it has ended or is blocked. Raises only when the ledger cannot be used."""
    lock = context.run_locks.setdefault(run_id, asyncio.Lock())
    # Every line that is logged on the way says whose it is, and none that is logged later by the same task.
    async with lock:
        with bound_contextvars(project_id=project_id, run_id=run_id):
            await _drive_on(context, project_id, run_id)
    context.held_up.pop(run_id, None)
    context.run_locks.pop(run_id, None)


async def _drive_on(context: Context, project_id: str, run_id: str) -> None:
    try:
        while await _advance(context, project_id, run_id):
            pass
    except Exception as error:
        context.held_up[run_id] = hold_up(
            error,
            context.held_up.get(run_id),
            at=context.clock.now(),
            monotonic=context.clock.monotonic(),
        )
        raise


async def _advance(context: Context, project_id: str, run_id: str) -> bool:
    """Takes one step further; False when there is nothing more to do now."""
    reads = context.ledger.for_project(project_id)
    project, run, steps = await reads.run_with_project(run_id)
    if run.status in RUN_ENDED or run.status is RunStatus.BLOCKED:
        return False
    by_key = {step.step_key: step for step in steps}
    if run.status is RunStatus.QUEUED and run.cancel_requested_at is not None:
        # Asked for while a start was on its way that came to nothing: it is not tried again.
        await _end_canceled(context, project_id, run, steps)
        return False
    try:
        for planned in run.plan.steps:
            step = by_key[planned.step_key]
            is_ready = all(by_key[key].status is StepStatus.SUCCEEDED for key in planned.needs)
            with bound_contextvars(step_id=step.step_id):
                match step.status:
                    case StepStatus.RUNNING if not is_own(context, step):
                        # Its own worker drives it, or reap fails it when that is gone.
                        return False
                    case StepStatus.RUNNING:
                        return await _watch(context, project, run, step)
                    case StepStatus.QUEUED if is_ready:
                        return await _start(context, project, run, step, planned)
                    case _:
                        continue
    except StartRefused:
        # The ledger disagrees with what we were about to start: looked at afresh, but not in a hurry.
        raise
    except Conflict:
        # Somebody else moved the run meanwhile (a cancel, most likely): look again.
        return True
    return False


async def _start(context: Context, project: Project, run: Run, step: Step, planned: PlanStep) -> bool:
    snapshot, admission = await ask_step(context, run, step)
    project, approval = snapshot.project, snapshot.approval
    if not admission.is_admitted:
        await _hold(context, project, run, step, admission, approval)
        return False
    if problems := await _find_problems(context, step.connector):
        reason = "; ".join(f"{problem.message}: {problem.remedy}" for problem in problems)
        await _refuse_start(context, project, run, step, reason)
        return True
    connector = context.connectors[step.connector]
    ref = connector.ref_for(run.run_id, step.step_id, step.attempt)
    worker_id = context.worker_id()
    try:
        released = release(context.vault, project, planned.command.env_profile)
    except WorkbenchError as error:
        await _refuse_start(context, project, run, step, error.message)
        return True
    dispatch = build_dispatch(context, admission, project, attempt=step.attempt, released=released)
    moves: list[Move] = []
    if admission.approval_id is not None:
        moves.append(UseApproval(approval_id=admission.approval_id))
    elif approval is not None and _is_open(approval):
        # It starts without it: left as it is, it would be told of as one that came too late.
        moves.append(_withdraw(approval, f"its step started without it: {admission.reason}"))
    if run.status is RunStatus.QUEUED:
        moves.append(MoveRun(run_id=run.run_id, move=RunMove.START, version=run.version))
    moves.append(
        MoveStep(
            step_id=step.step_id,
            move=StepMove.START,
            version=step.version,
            external_run_id=None if ref is None else ref.external_run_id,
            verdict=render_judgement(admission),
            subject_digest=admission.subject_digest,
            admission=admission,
            worker_id=worker_id,
            note={
                "secrets": list(released.secret_names),
                "approval_id": admission.approval_id,
                "flags": render_answers(admission.switch_answers),
            },
        )
    )
    handed_over = asyncio.Event()
    if ref is not None:
        context.dispatching[ref.external_run_id] = handed_over
    try:
        await connector.prepare(dispatch)
        # The intent is durable before anything starts: after a crash from here on, the step is looked
        # for, never simply started again.
        await context.ledger.append(project.project_id, moves, actor=ENGINE.name, via=ENGINE.via)
        if stopped := await read_kill(context, project.project_id, step.connector):
            # Engaged since the gate was asked, by the file too: what was recorded has not begun.
            await _take_back(context, project, run, step, f"the kill switch was engaged first: {stopped}")
            return True
        # Between the record and this line the process may have been stopped for longer than its lease.
        require_same(context, worker_id)
        started = await connector.dispatch(dispatch)
    except Conflict:
        raise
    except LedgerUnavailable:
        raise
    except WorkbenchError as error:
        reason = redact_text(error.message, released.masks)
        await _record_failure(context, project, run, step, f"could not be started: {reason}", error.remedy)
        return True
    finally:
        handed_over.set()
        if ref is not None:
            context.dispatching.pop(ref.external_run_id, None)
    if ref is None:
        await context.ledger.append(
            project.project_id,
            [
                ObserveStep(
                    step_id=step.step_id,
                    sync_status=SyncStatus.IN_SYNC,
                    external_run_id=started.external_run_id,
                )
            ],
            actor=ENGINE.name,
            via=ENGINE.via,
        )
    return await _observe(context, project, run, step, started)


async def _find_problems(context: Context, connector_id: str) -> tuple[Problem, ...]:
    """Returns what keeps a connector from starting anything; one found not ready is tried again each time."""
    if context.not_ready.get(connector_id):
        problems = tuple(await context.connectors[connector_id].validate_config())
        context.not_ready[connector_id] = problems
    return context.not_ready.get(connector_id, ())


async def _hold(
    context: Context, project: Project, run: Run, step: Step, admission: Admission, approval: Approval | None
) -> None:
    """Holds the step and, where the gate asks for an approval and none is pending, puts the question."""
    note = {"reason": admission.reason, "flags": render_answers(admission.switch_answers)}
    moves: list[Move] = [
        MoveStep(
            step_id=step.step_id,
            move=StepMove.HOLD,
            blocked_by=admission.blocked_by,
            version=step.version,
            verdict=render_judgement(admission),
            subject_digest=admission.subject_digest,
            note=note,
        ),
        MoveRun(
            run_id=run.run_id,
            move=RunMove.HOLD,
            blocked_by=admission.blocked_by,
            version=run.version,
            note=note,
        ),
    ]
    is_asked = approval is not None and approval.status is ApprovalStatus.PENDING
    is_to_ask = admission.blocked_by is BlockedBy.APPROVAL and not is_asked
    if approval is not None and _is_left_over(context, approval):
        moves.append(
            MoveApproval(
                approval_id=approval.approval_id,
                move=ApprovalMove.LAPSE,
                decision=ApprovalMove.LAPSE.value,
                reason=f"nothing had started by {approval.start_by or approval.expires_at}",
                version=approval.version,
            )
        )
    elif approval is not None and is_to_ask and _is_open(approval):
        moves.append(_withdraw(approval, f"asked about anew: {admission.reason}"))
    if is_to_ask:
        moves.append(approval_request(context, project, admission, requested_by=run.requested_by))
    await context.ledger.append(project.project_id, moves, actor=ENGINE.name, via=ENGINE.via)


def _is_open(approval: Approval) -> bool:
    """Tells whether the approval waits for its decision, or for the start that it was given for."""
    if approval.status is ApprovalStatus.APPROVED:
        return not approval.is_used
    return approval.status is ApprovalStatus.PENDING


def _withdraw(approval: Approval, reason: str) -> MoveApproval:
    return MoveApproval(
        approval_id=approval.approval_id,
        move=ApprovalMove.WITHDRAW,
        decision=ApprovalMove.WITHDRAW.value,
        reason=reason,
        version=approval.version,
    )


def _is_left_over(context: Context, approval: Approval) -> bool:
    """Tells whether the approval was given, let nothing start, and its time is over."""
    now = render_time(context.clock.now())
    return approval.status is ApprovalStatus.APPROVED and not approval.is_used and has_lapsed(approval, now)


async def _watch(context: Context, project: Project, run: Run, step: Step) -> bool:
    """Takes up a step that the ledger says is running: adopted, lost, or never started."""
    connector = context.connectors[step.connector]
    ref = ExternalRef(connector_id=step.connector, external_run_id=step.external_run_id or "")
    snapshot = await connector.snapshot(ref)
    if snapshot.ended is not None and snapshot.ended.end_reason == "never_started":
        # The intent was recorded and nothing was ever started under its name: it may be started anew.
        await _take_back(context, project, run, step, "the server stopped before the step was started")
        return True
    return await _observe(context, project, run, step, ref)


async def _end_canceled(context: Context, project_id: str, run: Run, steps: list[Step]) -> None:
    note = {"reason": "the cancel came before anything had started"}
    moves: list[Move] = [
        MoveStep(step_id=step.step_id, move=StepMove.CANCEL, version=step.version, note=note)
        for step in steps
        if step.status in (StepStatus.QUEUED, StepStatus.BLOCKED)
    ]
    moves.append(MoveRun(run_id=run.run_id, move=RunMove.CANCEL, version=run.version, note=note))
    await context.ledger.append(project_id, moves, actor=ENGINE.name, via=ENGINE.via)


async def _take_back(context: Context, project: Project, run: Run, step: Step, reason: str) -> None:
    """Makes a start that was recorded, and surely came to nothing, one that is still to come."""
    note = {"reason": reason}
    await context.ledger.append(
        project.project_id,
        [
            MoveStep(step_id=step.step_id, move=StepMove.INTERRUPT, note=note),
            MoveRun(run_id=run.run_id, move=RunMove.INTERRUPT, note=note),
        ],
        actor=ENGINE.name,
        via=ENGINE.via,
    )


async def _observe(context: Context, project: Project, run: Run, step: Step, ref: ExternalRef) -> bool:
    connector = context.connectors[step.connector]
    reads = context.ledger.for_project(project.project_id)
    if (await reads.run(run.run_id)).cancel_requested_at is not None:
        # A cancel that came before the step could be told of it must still reach it.
        context.spawn(_cancel_again(context, ref, step.connector))
    last: Snapshot | None = None
    async with recording(context, project, run, step, ref):
        async for snapshot in connector.observe(ref):
            last = snapshot
    if last is None or last.state not in (NativeState.ENDED, NativeState.LOST):
        last = await connector.snapshot(ref)
    if last.ended is None:
        await _record_failure(context, project, run, step, f"lost: {last.reason}", "retry the run")
        return True
    await _record_end(context, project, run, step, ref, last.ended)
    return True


async def record_known_end(context: Context, project_id: str, run_id: str) -> None:
    """Records the end of a running step whose connector knows it already; what goes on is left alone.

    Raises LedgerUnavailable, or what its connector raises.
    """
    project, run, steps = await context.ledger.for_project(project_id).run_with_project(run_id)
    for step in steps:
        if step.status is not StepStatus.RUNNING or step.external_run_id is None or not is_own(context, step):
            continue
        ref = ExternalRef(connector_id=step.connector, external_run_id=step.external_run_id)
        ended = (await context.connectors[step.connector].snapshot(ref)).ended
        # What was never started is started anew, or held: that is the driver's to decide.
        if ended is not None and ended.end_reason != "never_started":
            async with context.run_locks.setdefault(run_id, asyncio.Lock()):
                await _observe(context, project, run, step, ref)
            context.run_locks.pop(run_id, None)


async def record_unproven(context: Context, project_id: str, run_id: str) -> None:
    """Fails a running run of which nothing shows whether it was started, as after a power cut.

    Its step's folder is made after the start is recorded, and need not have reached the disk though the
    command has run. Raises LedgerUnavailable, or what its connector raises.
    """
    project, run, steps = await context.ledger.for_project(project_id).run_with_project(run_id)
    for step in steps:
        if step.status is not StepStatus.RUNNING or step.external_run_id is None or not is_own(context, step):
            continue
        ref = ExternalRef(connector_id=step.connector, external_run_id=step.external_run_id)
        ended = (await context.connectors[step.connector].snapshot(ref)).ended
        if ended is not None and ended.end_reason == "never_started":
            reason = "lost: the machine went down, and nothing shows whether its command had begun"
            await _record_failure(
                context, project, run, step, reason, "see what it may have done, then retry the run"
            )


async def _cancel_again(context: Context, ref: ExternalRef, connector_id: str) -> None:
    await context.connectors[connector_id].cancel(
        ref, reason="canceled", deadline_seconds=context.limits.cancel_deadline_seconds
    )


async def _record_end(
    context: Context, project: Project, run: Run, step: Step, ref: ExternalRef, ended: Ended
) -> None:
    reads = context.ledger.for_project(project.project_id)
    now = await reads.run(run.run_id)
    if now.cancel_requested_at is None and run.run_id in context.unrecorded_cancels:
        # What was asked for while the ledger took nothing goes in before what came of it.
        actor, why = context.unrecorded_cancels[run.run_id]
        request = RequestCancel(run_id=run.run_id, reason=why)
        await context.ledger.append(project.project_id, [request], actor=actor.name, via=actor.via)
        now = await reads.run(run.run_id)
    context.unrecorded_cancels.pop(run.run_id, None)
    step_move, reason = judge_end(ended, is_cancel_requested=now.cancel_requested_at is not None)
    moves: list[Move] = []
    for found in await context.connectors[step.connector].artifacts(ref):
        moves.append(
            AddArtifact(
                artifact=Artifact(
                    artifact_id=context.new_id("art_"),
                    project_id=project.project_id,
                    run_id=run.run_id,
                    step_id=step.step_id,
                    kind=ArtifactKind.TRANSCRIPT if found.name == "transcript" else ArtifactKind.FILE,
                    media_type=found.media_type,
                    uri=f"{ref.external_run_id}#{found.name}",
                    digest=found.digest,
                    size_bytes=found.size_bytes,
                    truncated=found.truncated,
                    links=found.links,
                )
            )
        )
    moves += await notes_left(context, project.project_id, step, ended)
    moves.append(
        MoveStep(
            step_id=step.step_id,
            move=step_move,
            exit_code=ended.exit_code,
            failure_reason=reason,
            provider_status_raw=ended.end_reason,
            note=render_end(ended),
        )
    )
    moves.append(
        MoveRun(
            run_id=run.run_id,
            move=RunMove(step_move.value),
            note={"reason": reason or "exit code 0", "exit_code": ended.exit_code},
        )
    )
    once = f"end:{step.step_id}:{step.attempt}"
    await context.ledger.append(project.project_id, moves, actor=ENGINE.name, via=ENGINE.via, once=once)


def judge_end(ended: Ended, *, is_cancel_requested: bool) -> tuple[StepMove, str | None]:
    """Returns the move that an end leads to, and why it is no success.

    Canceled needs a request of ours and the proof that no process is left; success needs exit code 0, no
    signal, and nothing left running.
    """
    if ended.processes_left:
        return (
            StepMove.FAIL,
            f"{render_count(ended.processes_left, 'process', 'processes')} of the step could not be ended",
        )
    match ended.end_reason:
        case "exited" if ended.exit_code == 0:
            return StepMove.SUCCEED, None
        case "exited":
            return StepMove.FAIL, f"exit code {ended.exit_code}"
        case "canceled" if is_cancel_requested:
            return StepMove.CANCEL, "canceled"
        case "canceled":
            return StepMove.FAIL, "stopped from outside, without a request"
        case "timed_out":
            return StepMove.FAIL, "timed out: the time limit was reached"
        case "idle_timed_out":
            return StepMove.FAIL, "timed out: no output within the idle limit"
        case "signaled":
            return StepMove.FAIL, f"ended by signal {ended.signal}"
        case "lost":
            return StepMove.FAIL, f"lost: {ended.detail or 'its supervisor is gone and left no record'}"
        case "lease_lost":
            return StepMove.FAIL, f"lost: {ended.detail}"
        case other:
            return StepMove.FAIL, f"{other.replace('_', ' ')}: {ended.detail}" if ended.detail else other


def render_end(ended: Ended) -> dict[str, Any]:
    """Returns the proof of an end as JSON values for the event."""
    return {
        "end_reason": ended.end_reason,
        "signal": ended.signal,
        "processes_left": ended.processes_left,
        "output_bytes": ended.output_bytes,
        "dropped_bytes": ended.dropped_bytes,
        "end_offset": ended.end_offset,
        "output_digest": ended.output_digest,
        "index_digest": ended.index_digest,
        "detail": ended.detail,
        "notes": list(ended.notes),
    }


async def _record_failure(
    context: Context, project: Project, run: Run, step: Step, reason: str, remedy: str
) -> None:
    note = {"reason": reason, "remedy": remedy}
    moves: list[Move] = [
        MoveStep(step_id=step.step_id, move=StepMove.FAIL, failure_reason=reason, note=note),
        MoveRun(run_id=run.run_id, move=RunMove.FAIL, note=note),
    ]
    once = f"end:{step.step_id}:{step.attempt}"
    await context.ledger.append(project.project_id, moves, actor=ENGINE.name, via=ENGINE.via, once=once)


async def _refuse_start(context: Context, project: Project, run: Run, step: Step, reason: str) -> None:
    """A step that lacks what it needs is held, with the reason: somebody can mend it and retry."""
    note = {"reason": reason}
    moves: list[Move] = [
        MoveStep(
            step_id=step.step_id,
            move=StepMove.HOLD,
            blocked_by=BlockedBy.CONNECTOR_UNAVAILABLE,
            version=step.version,
            failure_reason=reason,
            note=note,
        ),
        MoveRun(
            run_id=run.run_id,
            move=RunMove.HOLD,
            blocked_by=BlockedBy.CONNECTOR_UNAVAILABLE,
            version=run.version,
            note=note,
        ),
    ]
    await context.ledger.append(project.project_id, moves, actor=ENGINE.name, via=ENGINE.via)
