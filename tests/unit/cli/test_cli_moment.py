"""Times as people type them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from workbench.app.clock import SystemClock
from workbench.cli.moment import read_deadline
from workbench.model.clock import parse_time, render_time
from workbench.model.errors import InvalidInput


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        (" 7d ", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_a_duration_is_that_long_from_now(typed: str, meant: timedelta) -> None:
    before = SystemClock().now()
    found = read_deadline(typed)
    after = SystemClock().now()
    assert found is not None
    assert render_time(before + meant) <= found <= render_time(after + meant)
    assert parse_time(found).tzinfo is not None


@pytest.mark.parametrize("typed", [None, "", "tomorrow", "2030-01-01T00:00:00Z", "7 d", "-3h", "1y"])
def test_anything_else_is_handed_on_as_it_is(typed: str | None) -> None:
    assert read_deadline(typed) == typed


def test_a_duration_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(InvalidInput):
        read_deadline("999999999w")
