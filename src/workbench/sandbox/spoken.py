"""How the shim says numbers and times. Standard library only."""

from __future__ import annotations

import time


def say_seconds(number: int) -> str:
    """Returns a number of seconds in words."""
    return f"{number} second" + ("" if number == 1 else "s")


def say_time(moment: float) -> str:
    """Returns seconds since 1970 as RFC 3339 in UTC, to the millisecond."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
    return f"{whole}.{int(moment * 1000) % 1000:03d}Z"
