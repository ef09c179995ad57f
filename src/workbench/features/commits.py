"""Says which commit a cited line may name: HEAD, as long as HEAD holds that very line at that number.

A document that was edited since still proves the lines that the edit left alone and in their place.
It reads nothing: scan compares the files with HEAD's blobs.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Commits:
    """`whole` are the paths that equal HEAD's; `kept_lines` the lines of the others that HEAD has too."""

    head: str | None = None
    whole: Set[str] = frozenset()
    kept_lines: Mapping[str, Set[int]] = field(default_factory=dict)

    def of(self, path: str) -> str | None:
        """Returns the commit that holds the whole file as it is, or None."""
        return self.head if path in self.whole else None

    def at(self, path: str, line: int) -> str | None:
        """Returns the commit whose file has the same text on this line, or None."""
        return self.head if path in self.whole or line in self.kept_lines.get(path, ()) else None


def kept_lines_of(now: bytes, before: bytes) -> frozenset[int]:
    """Returns the numbers (from 1) of the lines that both texts have alike; line endings do not count."""
    pairs = zip(now.split(b"\n"), before.split(b"\n"), strict=False)
    return frozenset(
        number for number, (new, old) in enumerate(pairs, 1) if new.rstrip(b"\r") == old.rstrip(b"\r")
    )
