"""Cuts transcripts into chunks for the index, and finds a text in them again. Pure.

An index answers only which chunks may hold a text, by runs of three letters; what is found in them is decided
here, on the words themselves, so that no index can claim what is not there.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

CHUNK_CHARACTERS: Final = 32_768
_MOST_LINE: Final = 2_000
_MOST_GRAMS: Final = 24
# Not splitlines: a transcript's lines end in a newline and in nothing else.
_LINES: Final = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Whole lines of a transcript; `first_line` counts from 1. A longer line than a chunk is cut."""

    first_line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLine:
    """A line that holds the text; `chunk_id` and `line` together are its place in the order of all."""

    chunk_id: int
    run_id: str
    step_id: str
    line: int
    text: str


def cut_chunks(parts: Iterable[str]) -> Iterator[Chunk]:
    """Yields a plain text in chunks of whole lines."""
    held: list[str] = []
    size, first, line = 0, 1, 1
    for part in parts:
        for piece in _LINES.findall(part):
            # Where a line was not ended the rest of it comes with the next part.
            held.append(piece)
            size += len(piece)
            is_ended = piece.endswith("\n")
            line += is_ended
            if (size >= CHUNK_CHARACTERS and is_ended) or size >= 4 * CHUNK_CHARACTERS:
                yield Chunk(first_line=first, text="".join(held))
                held, size, first = [], 0, line
    if held:
        yield Chunk(first_line=first, text="".join(held))


def pack(text: str) -> bytes:
    """Returns the text as it is kept; the fastest level, because most of it is never read again."""
    return zlib.compress(text.encode("utf-8", "replace"), 1)


def unpack(data: bytes) -> str:
    """Returns the text that was packed."""
    return zlib.decompress(data).decode()


def fold(text: str) -> str:
    """Returns the text with the case of its letters ignored."""
    return text.casefold()


def grams_of(text: str, *, most: int | None = _MOST_GRAMS) -> list[str]:
    """Returns different runs of three characters of a folded text, spread over it; none for a shorter one."""
    found = list(dict.fromkeys(text[at : at + 3] for at in range(len(text) - 2)))
    if most is None or len(found) <= most:
        return found
    return [found[number * len(found) // most] for number in range(most)]


def find_lines(chunk_text: str, first_line: int, wanted: str) -> Iterator[tuple[int, str]]:
    """Yields (line, text) of the lines that hold the folded text, the last line first."""
    folded = fold(chunk_text)
    if wanted not in folded:
        return
    # Folding makes no line out of two and no two out of one.
    lines, folded_lines = chunk_text.split("\n"), folded.split("\n")
    for number in range(len(lines) - 1, -1, -1):
        if wanted in folded_lines[number]:
            yield first_line + number, lines[number][:_MOST_LINE]
