"""Records that the machine's clock was set, before anything expires by the new time.

Limits of time are kept by a clock that nobody can set. What has a date, an approval's end or a token's, goes
by the machine's clock; when that jumps, what ended early or late can be told from the log. It mends nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from workbench.engine.context import ENGINE, Context
from workbench.engine.operate import note
from workbench.model.clock import Clock, render_time

_TOLERATED_SECONDS: Final = 30.0
"""More than what a clock is slewed by between two looks, and less than anything here expires in."""


class ClockWatch:
    """Compares the machine's clock with one that nobody can set, from one look to the next."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wall, self._steady = clock.now(), clock.monotonic()

    def look(self) -> tuple[float, str] | None:
        """Returns by how many seconds the clock has jumped since the last look, and what time it should be.

        The seconds are negative for a clock that was put back; None when it goes as it should. What was
        returned is told again at the next look, until `accept`.
        """
        expected = self._wall + timedelta(seconds=self._clock.monotonic() - self._steady)
        jump = (self._clock.now() - expected).total_seconds()
        if abs(jump) <= _TOLERATED_SECONDS:
            self.accept()
            return None
        return jump, render_time(expected)

    def accept(self) -> None:
        """Takes the clock as it is from now on."""
        self._wall, self._steady = self._clock.now(), self._clock.monotonic()


async def record_jump(context: Context, watch: ClockWatch) -> None:
    """Notes in the house's chain that the clock has jumped, if it has. Raises LedgerUnavailable."""
    found = watch.look()
    if found is None:
        return
    jump, expected = found
    await note(
        context,
        tag="clock:jumped",
        actor=ENGINE,
        payload={"seconds": round(jump), "expected": expected, "now": render_time(context.clock.now())},
    )
    watch.accept()
