"""Says how many of something there are, as people write it. Pure."""

from __future__ import annotations


def render_count(number: int, one: str, many: str | None = None) -> str:
    """Returns "1 run", "2 runs"; `many` is the plural where it is not `one` with an s."""
    return f"{number} {one if number == 1 else many or one + 's'}"
