"""Reads the times that people type: how long from now, or a moment as it is."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from workbench.app.clock import SystemClock
from workbench.model.clock import render_time
from workbench.model.errors import InvalidInput

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION: Final = re.compile(r"(\d{1,9})([smhdw])")


def read_deadline(text: str | None) -> str | None:
    """Returns `30m`, `12h` or `7d` as the moment so long from now; other text is the server's to judge."""
    found = None if text is None else _DURATION.fullmatch(text.strip())
    if found is None:
        return text
    try:
        return render_time(SystemClock().now() + timedelta(**{_UNITS[found[2]]: int(found[1])}))
    except OverflowError:
        raise InvalidInput(f"{text} from now is beyond the calendar", remedy="name a shorter time") from None
