"""A run that is canceled while it is queued never starts, whichever of cancel and start is recorded first."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from support.kill_points import FOREVER, Stage, judge_events, open_stage
from support.processes import find_marked, wait_unmarked

START = "before append MoveRun:start, MoveStep:start"
CANCEL = "before append MoveStep:cancel, MoveRun:cancel"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with open_stage(tmp_path_factory.mktemp("raced")) as opened:
        yield opened


@pytest.mark.long
def test_a_run_that_is_canceled_right_before_its_start_is_recorded_never_starts(stage: Stage) -> None:
    stage.hold_at(start=START)
    run = stage.submit(f"echo once >> {stage.effect.name}")
    stage.wait_held("start")
    stage.cancel(run)
    canceled = stage.settled(run["run_id"])
    stage.let_go("start")
    # The next one has to come by the same door, so by then the first was turned away there.
    after = stage.settled(stage.submit("true", which="-next")["run_id"])
    assert (canceled["status"], after["status"]) == ("canceled", "succeeded")
    assert stage.bench.run_of(run["run_id"])["status"] == "canceled"
    assert not stage.effect.exists()
    wait_unmarked(f"{stage.mark}.sh")
    judge_events(canceled["events"], canceled, b"")


@pytest.mark.long
def test_a_cancel_that_comes_to_its_record_after_the_start_ends_what_runs(stage: Stage) -> None:
    stage.hold_at(start=START, cancel=CANCEL)
    run = stage.submit(f"echo once >> {stage.effect.name}; {FOREVER}")
    stage.wait_held("start")
    canceling = threading.Thread(target=stage.cancel, args=(run,))
    canceling.start()
    stage.wait_held("cancel")
    stage.let_go("start")
    stage.bench.wait_output(run["run_id"], b"ready\n")
    stage.let_go("cancel")
    canceling.join(60)
    canceled = stage.settled(run["run_id"])
    assert canceled["status"] == "canceled"
    assert stage.effect.read_text() == "once\n"
    assert find_marked(stage.mark) == []
    judge_events(canceled["events"], canceled, b"ready\n")
