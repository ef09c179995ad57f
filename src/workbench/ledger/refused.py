"""Logs that the ledger could not be written, so that an operator finds it where the server says what it does.

A full disk refuses every write: of one kind one line a minute is enough, and it counts the others.
"""

from __future__ import annotations

from typing import Final

import structlog

from workbench.model.clock import Clock
from workbench.model.errors import LedgerUnavailable

log = structlog.get_logger()

_QUIET_SECONDS: Final = 60.0


class RefusedWrites:
    """What was logged last of each kind; a kind is what there is to do about it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.count = 0
        self._logged_at: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def tell(self, error: LedgerUnavailable) -> None:
        """Logs the refusal, unless one of its kind was logged within the last minute."""
        self.count += 1
        now, kind = self._clock.monotonic(), error.remedy
        last = self._logged_at.get(kind)
        if last is not None and now - last < _QUIET_SECONDS:
            self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
            return
        self._logged_at[kind] = now
        log.error(
            "ledger not written",
            problem=error.message,
            remedy=error.remedy,
            others_since_last=self._unsaid.pop(kind, 0),
        )
