"""Keeps what a run's driver waits for, since when, and when it tries again. Pure; nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from workbench.model.counted import render_count
from workbench.model.errors import WorkbenchError

RETRY_SECONDS: Final = (0.1, 0.5, 2.0, 5.0)
"""How long a driver stands back after the first problem, the second, and so on; the last for all later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldUp:
    """`since_seconds` is by a clock that never goes back; `retry_at` is for people to read, aware."""

    problem: str
    since_seconds: float
    tries: int
    retry_at: datetime


def hold_up(error: Exception, earlier: HeldUp | None, *, at: datetime, monotonic: float) -> HeldUp:
    """Returns what a driver that this error stopped waits for; `earlier` is its wait before this one."""
    if isinstance(error, WorkbenchError):
        problem = f"{error.message.rstrip('.')}; {error.remedy.rstrip('.')}"
    else:
        problem = f"something unforeseen happened ({type(error).__name__}); see the server's log"
    tries = 0 if earlier is None else earlier.tries + 1
    wait = RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)]
    return HeldUp(
        problem=problem,
        since_seconds=monotonic if earlier is None else earlier.since_seconds,
        tries=tries,
        retry_at=at + timedelta(seconds=wait),
    )


def describe_wait(held: HeldUp, *, monotonic: float) -> str:
    """Returns it in one sentence."""
    seconds = max(0, int(monotonic - held.since_seconds))
    lasts = f" for {render_count(seconds, 'second', 'seconds')}" if seconds else ""
    return f"Waiting to go on{lasts}: {held.problem}; tried again at {held.retry_at:%H:%M:%S} UTC."
