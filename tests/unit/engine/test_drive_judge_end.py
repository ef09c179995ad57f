"""Which end counts as what: success and cancellation both need their proof."""

from __future__ import annotations

import pytest

from workbench.connectors.contract import Ended
from workbench.engine.drive import judge_end
from workbench.model.moves import StepMove


def end(reason: str, *, code: int | None = None, signal: int | None = None, left: int = 0) -> Ended:
    return Ended(
        exit_code=code,
        signal=signal,
        end_reason=reason,
        processes_left=left,
        output_bytes=0,
        dropped_bytes=0,
        output_digest="sha256:0",
    )


CASES = [
    (end("exited", code=0), False, StepMove.SUCCEED, None),
    (end("exited", code=0), True, StepMove.SUCCEED, None),
    (end("exited", code=3), False, StepMove.FAIL, "exit code 3"),
    (end("exited", code=0, left=2), False, StepMove.FAIL, "2 processes of the step could not be ended"),
    (end("canceled", signal=15), True, StepMove.CANCEL, "canceled"),
    (end("canceled", signal=15), False, StepMove.FAIL, "stopped from outside, without a request"),
    (end("canceled", left=1), True, StepMove.FAIL, "1 process of the step could not be ended"),
    (end("timed_out"), False, StepMove.FAIL, "timed out: the time limit was reached"),
    (end("idle_timed_out"), False, StepMove.FAIL, "timed out: no output within the idle limit"),
    (end("signaled", signal=9), False, StepMove.FAIL, "ended by signal 9"),
    (end("lost"), True, StepMove.FAIL, "lost: its supervisor is gone and left no record"),
    (end("something_new"), False, StepMove.FAIL, "something_new"),
]


@pytest.mark.parametrize(("ended", "asked", "move", "reason"), CASES)
def test_an_end_is_judged(ended: Ended, asked: bool, move: StepMove, reason: str | None) -> None:
    assert judge_end(ended, is_cancel_requested=asked) == (move, reason)
