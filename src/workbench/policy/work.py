"""Bounds the work that understanding one command may take, in counted steps and never by a clock.

The same command in the same surroundings spends the same, so a verdict does not hang on the machine's speed.
Whoever finds nothing left stops and says so; the command is then asked about as `too_long`.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST_WORK = 600_000
"""About one character of a project's file parsed once, or one step of expanding it: below a microsecond."""


@dataclass(slots=True)
class Work:
    """What is left to do for one command."""

    left: int = MOST_WORK

    @property
    def is_spent(self) -> bool:
        return self.left < 0

    def take(self, amount: int) -> bool:
        """Takes this much from what is left; False once more was asked for than there was."""
        self.left -= amount
        return self.left >= 0


def _price(path: str, text: str) -> int:
    """Returns what parsing a file costs: its length, and for TOML, read in Python, three times as much.

    tomllib also takes time that grows with the square of a dotted name's length, and walks the whole name
    of a table for each line in it.
    """
    if not path.endswith((".toml", "/.cargo/config")):
        return len(text)
    dots = [line.count(".") for line in text.split("\n")]
    return 3 * len(text) + sum(count * count for count in dots) // 400 + max(dots) * len(dots) // 20


class Texts(dict[str, str | None]):
    """The texts of files read for one command, by path. Each use is paid for: whoever asks parses it anew."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self._work = work

    def __getitem__(self, path: str) -> str | None:
        """Returns the text; None for a file that cannot be read, or when no work is left."""
        text = super().__getitem__(path)
        if text is None or self._work.is_spent:
            return None
        return text if self._work.take(_price(path, text)) else None
