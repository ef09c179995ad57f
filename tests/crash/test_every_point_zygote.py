"""kill -9 of the process that starts steps at every point of a run's life."""

from __future__ import annotations

import pytest

from support.kill_points import Stage
from support.plays import PLAYS
from support.struck import stage as stage
from support.struck import strike_everywhere

pytestmark = pytest.mark.long


@pytest.mark.parametrize("play", PLAYS)
def test_a_strike_at_every_point_loses_nothing_and_repeats_nothing(stage: Stage, play: str) -> None:
    strike_everywhere(stage, play, "zygote")
