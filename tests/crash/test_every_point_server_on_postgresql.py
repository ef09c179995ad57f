"""kill -9 of a server on PostgreSQL at every point of a run's life."""

from __future__ import annotations

import pytest

from support.kill_points import Stage
from support.plays import PLAYS
from support.struck import own_postgres as own_postgres
from support.struck import postgres_stage as postgres_stage
from support.struck import strike_everywhere

pytestmark = pytest.mark.long


@pytest.mark.parametrize("play", PLAYS)
def test_a_strike_at_every_point_loses_nothing_and_repeats_nothing(postgres_stage: Stage, play: str) -> None:
    strike_everywhere(postgres_stage, play, "server")
