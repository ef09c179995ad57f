"""The machine's clock and the ids made from it; every other room is handed them."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251  The one place where the time is read; all others are handed it.

    def monotonic(self) -> float:
        return time.monotonic()


class OrderedIds:
    """Makes sortable ids; while it lives, none sorts before an earlier one though the clock is put back."""

    def __init__(self) -> None:
        self._latest = 0

    def __call__(self, prefix: str) -> str:
        self._latest = max(self._latest, time.time_ns() // 1_000_000)
        return _render(prefix, self._latest)


def new_sortable_id(prefix: str) -> str:
    """Returns the prefix and 26 characters: milliseconds, then 80 random bits, in order of making."""
    return _render(prefix, time.time_ns() // 1_000_000)


def _render(prefix: str, milliseconds: int) -> str:
    number = milliseconds << 80 | secrets.randbits(80)
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    return prefix + "".join(alphabet[number >> shift & 31] for shift in range(125, -1, -5))
