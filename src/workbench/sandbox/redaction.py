"""Replaces known secret bytes by *** in a stream, whatever the borders of its chunks.

Standard library only. It holds back no more than what could still become a secret, and covers the
union of overlapping matches. It does not know what is secret: the patterns are handed in.
"""

from __future__ import annotations

from collections.abc import Iterable

COVER = b"***"


def cover(data: bytes, patterns: Iterable[bytes]) -> bytes:
    """Returns the bytes, which are all there are, with every pattern in them covered."""
    redaction = Redaction(patterns)
    return redaction.feed(data) + redaction.flush()


def cover_text(text: str, patterns: Iterable[bytes]) -> str:
    """Returns the same for a text or a file name, which need not be UTF-8."""
    return cover(text.encode("utf-8", "surrogateescape"), patterns).decode("utf-8", "surrogateescape")


class Redaction:
    """One stream's redaction. `feed` answers what may be shown now; `flush` the rest at the end."""

    def __init__(self, patterns: Iterable[bytes]) -> None:
        self._patterns = tuple(sorted({pattern for pattern in patterns if pattern}, key=len, reverse=True))
        self._held = b""
        self._covered = 0
        """How many bytes at the start of what is held stand behind a cover that was already shown."""

    def feed(self, data: bytes) -> bytes:
        """Returns the bytes that are settled by now."""
        if not self._patterns:
            return data
        text = self._held + data
        spans = self._spans(text)
        cut = self._first_open(text)
        shown = self._render(text, spans, cut)
        is_covered = self._covered > 0
        beyond = max((end for start, end in spans if start < cut or (start == 0 and is_covered)), default=0)
        self._held, self._covered = text[cut:], max(0, beyond - cut)
        return shown

    def flush(self) -> bytes:
        """Returns what was held back; the stream has ended."""
        text, self._held = self._held, b""
        shown = self._render(text, self._spans(text), len(text))
        self._covered = 0
        return shown

    def _spans(self, text: bytes) -> list[tuple[int, int]]:
        found = [(0, self._covered)] if self._covered else []
        for pattern in self._patterns:
            at = text.find(pattern)
            while at >= 0:
                found.append((at, at + len(pattern)))
                at = text.find(pattern, at + 1)
        merged: list[tuple[int, int]] = []
        for start, end in sorted(found):
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def _first_open(self, text: bytes) -> int:
        """Returns where the longest suffix begins that is the beginning of a pattern."""
        cut = len(text)
        for pattern in self._patterns:
            at = text.find(pattern[:1], max(0, len(text) - len(pattern) + 1))
            while 0 <= at < cut:
                if pattern.startswith(text[at:]):
                    cut = at
                    break
                at = text.find(pattern[:1], at + 1)
        return cut

    def _render(self, text: bytes, spans: list[tuple[int, int]], cut: int) -> bytes:
        parts: list[bytes] = []
        at = 0
        for start, end in spans:
            if start >= cut:
                break
            parts.append(text[at:start])
            if not (start == 0 and self._covered):
                parts.append(COVER)
            at = min(end, cut)
        parts.append(text[at:cut])
        return b"".join(parts)
