"""kill -9 of the server, the process that starts steps and a step's supervisor at chosen points of a run.

At every point: test_every_point_*.py, in the long suite. What a first play comes past is counted there, and
each later play is struck at one of those.
"""

from __future__ import annotations

import pytest

from support.kill_points import Stage
from support.long import later
from support.plays import PLAYS
from support.struck import stage as stage

START = "MoveRun:start, MoveStep:start"


@pytest.mark.parametrize(
    ("play", "whom", "point"),
    [
        later("success", "server", "after append CreateRun, CreateStep"),
        ("approved", "server", f"after append UseApproval, {START}"),
        later("success", "server", "after take_claim"),
        later("canceled while running", "server", "after append RequestCancel"),
        later("success", "zygote", "before spawn"),
        later("success", "shim", "after release"),
        later("flood", "shim", "after output"),
    ],
)
def test_a_strike_at_a_chosen_point_loses_nothing_and_repeats_nothing(
    stage: Stage, play: str, whom: str, point: str
) -> None:
    stage.strike(PLAYS[play], whom, point)
    assert stage.unreached == []
