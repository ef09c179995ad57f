"""Which moves are legal, as three tables. Only ledger.append applies them.

A table maps (state, move) to the next state; "new" is the state before there is a row. Diagrams in
docs/reference/states.md are drawn from these tables. Nothing here knows who may ask for a move.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from workbench.model.errors import IllegalMove
from workbench.model.statuses import ApprovalStatus, RunStatus, StepStatus

NEW: Final = "new"


class RunMove(StrEnum):
    ADMIT = "admit"
    HOLD = "hold"
    START = "start"
    RELEASE = "release"
    ABANDON = "abandon"
    SUCCEED = "succeed"
    FAIL = "fail"
    INTERRUPT = "interrupt"
    CANCEL = "cancel"


class StepMove(StrEnum):
    PLAN = "plan"
    START = "start"
    HOLD = "hold"
    RELEASE = "release"
    SUCCEED = "succeed"
    FAIL = "fail"
    CANCEL = "cancel"
    INTERRUPT = "interrupt"
    RETRY = "retry"
    SKIP = "skip"


class ApprovalMove(StrEnum):
    REQUEST = "request"
    APPROVE = "approve"
    DENY = "deny"
    EXPIRE = "expire"
    WITHDRAW = "withdraw"
    LAPSE = "lapse"


_R, _S, _A = RunStatus, StepStatus, ApprovalStatus

RUN_MOVES: Final[dict[tuple[str, RunMove], RunStatus]] = {
    (NEW, RunMove.ADMIT): _R.QUEUED,
    (NEW, RunMove.HOLD): _R.BLOCKED,
    (_R.QUEUED, RunMove.HOLD): _R.BLOCKED,
    (_R.RUNNING, RunMove.HOLD): _R.BLOCKED,
    (_R.QUEUED, RunMove.START): _R.RUNNING,
    (_R.BLOCKED, RunMove.RELEASE): _R.QUEUED,
    (_R.BLOCKED, RunMove.ABANDON): _R.FAILED,
    (_R.RUNNING, RunMove.SUCCEED): _R.SUCCEEDED,
    (_R.RUNNING, RunMove.FAIL): _R.FAILED,
    (_R.RUNNING, RunMove.INTERRUPT): _R.QUEUED,
    (_R.QUEUED, RunMove.CANCEL): _R.CANCELED,
    (_R.BLOCKED, RunMove.CANCEL): _R.CANCELED,
    (_R.RUNNING, RunMove.CANCEL): _R.CANCELED,
}

STEP_MOVES: Final[dict[tuple[str, StepMove], StepStatus]] = {
    (NEW, StepMove.PLAN): _S.QUEUED,
    (_S.QUEUED, StepMove.START): _S.RUNNING,
    (_S.QUEUED, StepMove.HOLD): _S.BLOCKED,
    (_S.BLOCKED, StepMove.RELEASE): _S.QUEUED,
    (_S.RUNNING, StepMove.SUCCEED): _S.SUCCEEDED,
    (_S.RUNNING, StepMove.FAIL): _S.FAILED,
    (_S.RUNNING, StepMove.CANCEL): _S.CANCELED,
    (_S.RUNNING, StepMove.INTERRUPT): _S.QUEUED,
    (_S.FAILED, StepMove.RETRY): _S.QUEUED,
    (_S.QUEUED, StepMove.SKIP): _S.SKIPPED,
    (_S.BLOCKED, StepMove.SKIP): _S.SKIPPED,
    (_S.FAILED, StepMove.SKIP): _S.SKIPPED,
    (_S.QUEUED, StepMove.CANCEL): _S.CANCELED,
    (_S.BLOCKED, StepMove.CANCEL): _S.CANCELED,
    (_S.FAILED, StepMove.CANCEL): _S.CANCELED,
}

APPROVAL_MOVES: Final[dict[tuple[str, ApprovalMove], ApprovalStatus]] = {
    (NEW, ApprovalMove.REQUEST): _A.PENDING,
    (_A.PENDING, ApprovalMove.APPROVE): _A.APPROVED,
    (_A.PENDING, ApprovalMove.DENY): _A.DENIED,
    (_A.PENDING, ApprovalMove.EXPIRE): _A.EXPIRED,
    (_A.PENDING, ApprovalMove.WITHDRAW): _A.WITHDRAWN,
    (_A.APPROVED, ApprovalMove.WITHDRAW): _A.WITHDRAWN,
    (_A.APPROVED, ApprovalMove.LAPSE): _A.LAPSED,
}


def next_run_status(state: str, move: RunMove, *, run_id: str, actor: str) -> RunStatus:
    """Returns the state after `move`; raises IllegalMove when the table has no such row."""
    try:
        return RUN_MOVES[state, move]
    except KeyError:
        raise IllegalMove(noun="run", object_id=run_id, state=state, move=move, actor=actor) from None


def next_step_status(state: str, move: StepMove, *, step_id: str, actor: str) -> StepStatus:
    """Returns the state after `move`; raises IllegalMove when the table has no such row."""
    try:
        return STEP_MOVES[state, move]
    except KeyError:
        raise IllegalMove(noun="step", object_id=step_id, state=state, move=move, actor=actor) from None


def next_approval_status(state: str, move: ApprovalMove, *, approval_id: str, actor: str) -> ApprovalStatus:
    """Returns the state after `move`; raises IllegalMove when the table has no such row."""
    try:
        return APPROVAL_MOVES[state, move]
    except KeyError:
        raise IllegalMove(
            noun="approval", object_id=approval_id, state=state, move=move, actor=actor
        ) from None
