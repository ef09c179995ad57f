"""Times that end a token or a switch: what is taken, and in which form it is kept."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from workbench.engine.operate import normalize_deadline
from workbench.model.errors import InvalidInput

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2026-01-02T12:00:00.001Z", "2026-01-02T12:00:00.001Z"),
        ("2026-01-02T13:00:00Z", "2026-01-02T13:00:00.000Z"),
        ("2026-01-02T10:00:00-05:00", "2026-01-02T15:00:00.000Z"),
        ("2026-01-03T01:00:00+12:00", "2026-01-02T13:00:00.000Z"),
    ],
)
def test_a_time_to_come_is_kept_in_utc_so_that_text_order_is_time_order(given: str, kept: str) -> None:
    assert normalize_deadline(given, "until", now=NOW) == kept


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("tomorrow", "is not a time"),
        ("", "is not a time"),
        ("12h", "is not a time"),
        ("9999-12-31T23:59:59-23:00", "is not a time"),
        ("2026-01-02T13:00:00", "names no time zone"),
        ("2026-02-01", "names no time zone"),
        ("2026-01-02T12:00:00Z", "has passed"),
        ("2026-01-02T13:00:00+05:00", "has passed"),
        ("0001-01-01T00:00:00Z", "has passed"),
    ],
)
def test_what_is_no_time_to_come_is_refused_with_the_field_and_a_remedy(given: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        normalize_deadline(given, "expires_at", now=NOW)
    assert caught.value.message.startswith("expires_at: ")
    assert caught.value.remedy
