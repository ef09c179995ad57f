"""Under which tag each move is recorded. A move without a row of its own carries its tag itself."""

from __future__ import annotations

from typing import Final

from workbench.model.moves import ApprovalMove, RunMove, StepMove

RUN_TAGS: Final = {
    RunMove.ADMIT: "run:queued",
    RunMove.HOLD: "run:blocked",
    RunMove.START: "run:started",
    RunMove.RELEASE: "run:released",
    RunMove.ABANDON: "run:abandoned",
    RunMove.SUCCEED: "run:succeeded",
    RunMove.FAIL: "run:failed",
    RunMove.INTERRUPT: "run:interrupted",
    RunMove.CANCEL: "run:canceled",
}
STEP_TAGS: Final = {
    StepMove.PLAN: "step:queued",
    StepMove.START: "step:started",
    StepMove.HOLD: "step:blocked",
    StepMove.RELEASE: "step:released",
    StepMove.SUCCEED: "step:succeeded",
    StepMove.FAIL: "step:failed",
    StepMove.CANCEL: "step:canceled",
    StepMove.INTERRUPT: "step:interrupted",
    StepMove.RETRY: "step:retried",
    StepMove.SKIP: "step:skipped",
}
APPROVAL_TAGS: Final = {
    ApprovalMove.REQUEST: "approval:requested",
    ApprovalMove.APPROVE: "approval:approved",
    ApprovalMove.DENY: "approval:denied",
    ApprovalMove.EXPIRE: "approval:expired",
    ApprovalMove.WITHDRAW: "approval:withdrawn",
    ApprovalMove.LAPSE: "approval:lapsed",
}
PREVIEW_RECORDED: Final = "preview:recorded"
