"""Reads a step's byte log: by offset for followers, and as text or asciicast for people.

Output is hostile: what leaves here as text holds no control sequence, and what leaves as asciicast none
that reaches beyond the screen. It reads step folders and never writes one.
"""

from __future__ import annotations

import codecs
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.sandbox.step_folder import INDEX, INDEX_RECORD, OUTPUT, STREAMS

_LONGEST_SEQUENCE = 4096
_LONGEST_LINE = 1 << 16

# ECMA-48: introducers, as ESC and as single C1 characters.
_STRING = r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|\x1b(?!\\)|$)"
_CONTROL = r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
_SHORT = r"\x1b[ -/]*[0-~]"
_REACHING = re.compile(_STRING)
_ANY = re.compile(f"{_STRING}|{_CONTROL}|{_SHORT}")
_UNFINISHED = re.compile(
    r"(?:(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*\x1b?"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*|\x1b[ -/]*)\Z"
)
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Output of one stream at an offset of the byte log; `at_ms` counts from the start of the step."""

    offset: int
    stream: str
    at_ms: int
    data: bytes


def read_pieces(folder: Path, *, offset: int, limit_bytes: int, until: int | None = None) -> list[Piece]:
    """Returns the output from `offset` on, at most `limit_bytes`, in order and without gaps.

    While a step runs only indexed bytes are given out. `until` is the size of an ended step's log: bytes
    below it that were not indexed any more (a full disk, a killed shim) go to the last stream.
    """
    try:
        output = os.open(folder / OUTPUT, os.O_RDONLY)
    except FileNotFoundError:
        return []
    try:
        index = os.open(folder / INDEX, os.O_RDONLY)
    except FileNotFoundError:
        os.close(output)
        return []
    try:
        return _collect(output, index, offset, limit_bytes, until)
    finally:
        os.close(output)
        os.close(index)


def iterate_pieces(folder: Path, *, until: int | None = None) -> Iterator[Piece]:
    """Yields the whole log, 256 KiB at a time."""
    offset = 0
    while pieces := read_pieces(folder, offset=offset, limit_bytes=1 << 18, until=until):
        yield from pieces
        offset = pieces[-1].offset + len(pieces[-1].data)


def _collect(output: int, index: int, offset: int, limit: int, until: int | None) -> list[Piece]:
    count = os.fstat(index).st_size // INDEX_RECORD.size
    at = _find_record(index, count, offset)
    pieces: list[Piece] = []
    taken = 0
    stream, at_ms, covered = STREAMS[0], 0, 0
    while at < count and taken < limit:
        block = os.pread(index, INDEX_RECORD.size * min(1024, count - at), at * INDEX_RECORD.size)
        for start, length, number, moment in INDEX_RECORD.iter_unpack(
            block[: len(block) - len(block) % INDEX_RECORD.size]
        ):
            at += 1
            stream, at_ms, covered = STREAMS[number], moment, start + length
            first = max(start, offset)
            size = min(covered - first, limit - taken)
            if size > 0:
                data = os.pread(output, size, first)
                pieces.append(Piece(offset=first, stream=stream, at_ms=at_ms, data=data))
                taken += len(data)
            if taken >= limit:
                return pieces
    if until is not None and max(offset, covered) < until and taken < limit:
        first = max(offset, covered)
        data = os.pread(output, min(until - first, limit - taken), first)
        if data:
            pieces.append(Piece(offset=first, stream=stream, at_ms=at_ms, data=data))
    return pieces


def _find_record(index: int, count: int, offset: int) -> int:
    """Returns the last record that starts at or before the offset; records are sorted."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        start = INDEX_RECORD.unpack(os.pread(index, INDEX_RECORD.size, middle * INDEX_RECORD.size))[0]
        if start <= offset:
            low = middle + 1
        else:
            high = middle
    return max(0, low - 1)


def render_text(pieces: Iterable[Piece]) -> Iterator[str]:
    """Yields plain text: no control sequence, no control character but newline and tab.

    A line that was overwritten after a carriage return shows what stood there last, as on the screen.
    """
    rest = ""
    for _, text in _without(_ANY, pieces):
        rest += text
        *lines, rest = rest.split("\n")
        for line in lines:
            yield _settle(line) + "\n"
        if len(rest) > _LONGEST_LINE:
            yield _settle(rest)
            rest = ""
    if rest:
        yield _settle(rest)


def render_asciicast(
    pieces: Iterable[Piece], *, rows: int, columns: int, started_at: int, title: str
) -> Iterator[str]:
    """Yields the lines of an asciicast v2 recording; `started_at` in seconds since 1970.

    Sequences with a text argument (clipboard, links, titles, device strings) are left out.
    Format: docs.asciinema.org/manual/asciicast/v2.
    """
    head = {"version": 2, "width": columns, "height": rows, "timestamp": started_at, "title": title}
    yield json.dumps(head) + "\n"
    for piece, text in _without(_REACHING, pieces):
        if text:
            shown = text if piece.stream == "terminal" else text.replace("\n", "\r\n")
            yield json.dumps([piece.at_ms / 1000, "o", shown], ensure_ascii=False) + "\n"


def _without(pattern: re.Pattern[str], pieces: Iterable[Piece]) -> Iterator[tuple[Piece, str]]:
    """Yields each piece's text without the sequences, whatever the borders between pieces cut through."""
    decoders = {name: codecs.getincrementaldecoder("utf-8")("replace") for name in STREAMS}
    held = dict.fromkeys(STREAMS, "")
    last: dict[str, Piece] = {}
    for piece in pieces:
        last[piece.stream] = piece
        text = held[piece.stream] + decoders[piece.stream].decode(piece.data)
        unfinished = _UNFINISHED.search(text, max(0, len(text) - _LONGEST_SEQUENCE))
        cut = unfinished.start() if unfinished else len(text)
        held[piece.stream] = text[cut:]
        yield piece, pattern.sub("", text[:cut])
    for name, piece in last.items():
        yield piece, pattern.sub("", held[name] + decoders[name].decode(b"", True))


def _settle(line: str) -> str:
    line = line.rstrip("\r")
    if "\r" in line:
        line = next((part for part in reversed(line.split("\r")) if part), "")
    while "\b" in line:
        line = re.sub("[^\b]\b|^\b+", "", line)
    return _UNPRINTABLE.sub("", line)
