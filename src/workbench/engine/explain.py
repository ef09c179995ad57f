"""Says in one line why a run stands where it does, and which moves an actor may make with it."""

from __future__ import annotations

from typing import assert_never

from workbench.engine.resume import RESUMABLE
from workbench.gate.grants import NO_NETWORK
from workbench.model.actor import Actor, Role
from workbench.model.approval import Approval
from workbench.model.run import HowCanceled, Run, RunEnd, Step
from workbench.model.statuses import RUN_ENDED, ApprovalStatus, BlockedBy, RunStatus, TerminalMode


def explain(
    run: Run,
    steps: tuple[Step, ...],
    approvals: tuple[Approval, ...] = (),
    end: RunEnd | None = None,
    *,
    whom: str = "",
) -> str:
    """Returns one line for people; never empty. `whom` names who may approve, where that is known."""
    step = steps[0] if steps else None
    admission = str((step.verdict or {}).get("admission", "")) if step else ""
    match run.status:
        case RunStatus.QUEUED:
            return "Waiting to be started."
        case RunStatus.RUNNING if run.cancel_requested_at is not None:
            return "Cancel requested; waiting for the proof that no process is left."
        case RunStatus.RUNNING:
            return "Running in the sandbox."
        case RunStatus.BLOCKED:
            problem = (step.failure_reason or "") if step else ""
            line = _explain_block(run.blocked_by, admission, problem, approvals, whom or "an approver")
            return f"{line} {hint}" if (hint := _find_hint(run.blocked_by, step)) else line
        case RunStatus.SUCCEEDED:
            return "Ended with exit code 0; no process is left."
        case RunStatus.FAILED:
            reason = step.failure_reason if step and step.failure_reason else "it could not go on"
            return f"Failed: {reason}."
        case RunStatus.CANCELED:
            reason = step.failure_reason if step and step.failure_reason else "before it started"
            if end is not None and end.how is HowCanceled.CANCELED:
                proof = "; no process is left" if reason == "canceled" else ""
                return f"Canceled by {end.by}{f': {end.reason}' if end.reason.strip() else ''}{proof}."
            return "Canceled; no process is left." if reason == "canceled" else f"Canceled: {reason}."
        case _:
            assert_never(run.status)


def allowed_run_moves(run: Run, actor: Actor) -> list[str]:
    """Returns what this actor may do with the run now; buttons are drawn from this list alone."""
    moves: list[str] = []
    if not actor.has(Role.OPERATOR):
        return moves
    if run.status not in RUN_ENDED and run.cancel_requested_at is None:
        moves.append("cancel")
    is_stopped = run.status is RunStatus.BLOCKED and run.blocked_by is not BlockedBy.APPROVAL
    if run.status in RUN_ENDED or is_stopped:
        moves.append("retry")
    if is_stopped and run.blocked_by in RESUMABLE:
        moves.append("resume")
    if run.status is RunStatus.RUNNING and run.plan.steps[0].command.mode is TerminalMode.PTY:
        moves.append("input")
    return moves


def allowed_approval_moves(
    approval: Approval, actor: Actor, *, is_permitted: bool, is_deniable: bool = True
) -> list[str]:
    """Returns approve, edit and deny as far as this actor may; who may not approve may often still deny."""
    if approval.status is not ApprovalStatus.PENDING or not actor.has(Role.APPROVER):
        return []
    return [*(("approve", "edit") if is_permitted else ()), *(("deny",) if is_deniable else ())]


def _find_hint(blocked_by: BlockedBy | None, step: Step | None) -> str:
    """Returns what an approver should know first: that an approval alone gives no network."""
    if blocked_by is not BlockedBy.APPROVAL or step is None:
        return ""
    rules = (step.verdict or {}).get("matched_rules", [])
    return next((str(rule["text"]) for rule in rules if rule["rule_id"] == NO_NETWORK), "")


def _explain_block(
    blocked_by: BlockedBy | None, admission: str, problem: str, approvals: tuple[Approval, ...], whom: str
) -> str:
    match blocked_by:
        case BlockedBy.APPROVAL:
            pending = [a for a in approvals if a.status is ApprovalStatus.PENDING]
            if pending:
                line = (
                    f"Waiting for approval by {whom} ({pending[0].risk_level} risk), "
                    f"until {pending[0].expires_at}."
                )
                if any(a.is_used and a.step_id == pending[0].step_id for a in approvals):
                    # An approval is for one start, and is used up by one that was interrupted as well.
                    line += " It was approved before, but that start was cut off before anything ran."
                return line
            return "Waiting for approval by an approver."
        case BlockedBy.POLICY:
            return f"Denied by policy: {admission.removeprefix('policy denies it: ')}"
        case BlockedBy.KILL_SWITCH | BlockedBy.SWITCH:
            # What held it may be over by now; the run still does not go on by itself.
            return f"Held when it was to start ({admission}); it does not go on by itself: resume it."
        case BlockedBy.BOUNDARY:
            return f"Outside the project's boundary: {admission}"
        case BlockedBy.STEP_FAILED:
            return "A step failed; retry or skip it."
        case BlockedBy.CONNECTOR_UNAVAILABLE:
            return f"The connector cannot start it: {problem or 'see the last event'}."
        case None:
            return "Blocked."
        case _:
            assert_never(blocked_by)
