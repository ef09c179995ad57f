"""The two things that pure code must be handed: the time, and new ids."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

NewId = Callable[[str], str]
"""Takes a prefix such as "run_" and returns a new sortable id."""


class Clock(Protocol):
    def now(self) -> datetime:
        """Returns the current time, aware, in UTC."""

    def monotonic(self) -> float:
        """Returns seconds that never go back, for measuring durations."""


def render_time(moment: datetime) -> str:
    """Returns RFC 3339 in UTC with milliseconds, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def parse_time(text: str) -> datetime:
    """Returns the aware moment that `render_time` wrote; raises ValueError on other text."""
    return datetime.fromisoformat(text)
