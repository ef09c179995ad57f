"""Reads a step's byte log: by offset for followers, and as text or asciicast for people.

Output is hostile: what leaves here as text holds no control sequence, and what leaves as asciicast none
that reaches beyond the screen. It reads step folders and never writes one.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from workbench.sandbox.step_folder import INDEX, INDEX_RECORD, OUTPUT, STREAMS

_LONGEST_SEQUENCE = 4096
_LONGEST_LINE = 1 << 16
_BLOCK_RECORDS = 1024
# What a log without any index counts as; a recording's line ends come out right with it in either mode.
_UNKNOWN_STREAM = "stdout"
_UNKNOWN_TIMES = "the times and streams of the rest are not known"

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
    """Output of one stream at an offset of the byte log; `at_ms` counts from the start of the step.

    Where the index does not tell, `is_indexed` is False, and stream and time are those of the output before.
    """

    offset: int
    stream: str
    at_ms: int
    data: bytes
    is_indexed: bool = True


def read_pieces(
    folder: Path, *, offset: int, limit_bytes: int, until: int | None = None, after: Piece | None = None
) -> list[Piece]:
    """Returns the output from `offset` on, at most `limit_bytes`, in order and without gaps.

    While a step runs only indexed bytes are given out. `until` is the size of an ended step's log: bytes
    below it that were not indexed any more (a full disk, a killed shim) go to the last stream. So do, at any
    time, all bytes from the first record on that cannot be true, or of a log whose index is gone: they are
    worth more than their times. `after` is the piece that the same reader got last; a reader that has met
    the end of the index does not use it again.
    """
    try:
        output = os.open(folder / OUTPUT, os.O_RDONLY)
    except FileNotFoundError:
        return []
    index = None
    try:
        if after is None or after.is_indexed:
            # Not there, or not to be opened: one is as good as the other.
            with contextlib.suppress(OSError):
                index = os.open(folder / INDEX, os.O_RDONLY | os.O_NONBLOCK)
        return _collect(output, index, offset, limit_bytes, until, after)
    finally:
        os.close(output)
        if index is not None:
            os.close(index)


def iterate_pieces(folder: Path, *, until: int | None = None) -> Iterator[Piece]:
    """Yields the whole log, 256 KiB at a time."""
    offset, last = 0, None
    while pieces := read_pieces(folder, offset=offset, limit_bytes=1 << 18, until=until, after=last):
        yield from pieces
        last = pieces[-1]
        offset = last.offset + len(last.data)


def _collect(
    output: int, index: int | None, offset: int, limit: int, until: int | None, after: Piece | None
) -> list[Piece]:
    pieces: list[Piece] = []
    stream, at_ms = (after.stream, after.at_ms) if after else (_UNKNOWN_STREAM, 0)
    position, end = offset, offset + limit
    is_sound, size = index is not None, 0
    for record in _records(index, offset) if index is not None else ():
        if record is not None and record.end > size:
            # Asked after the record was read: it is written when its bytes are there.
            size = os.fstat(output).st_size
        if record is None or record.end > size:
            is_sound = False
            break
        stream, at_ms = record.stream, record.at_ms
        if position < record.end:
            data = os.pread(output, min(record.end, end) - position, position)
            pieces.append(Piece(offset=position, stream=stream, at_ms=at_ms, data=data))
            position += len(data)
        if position >= end:
            return pieces
    if not is_sound and until is None:
        until = os.fstat(output).st_size
    if until is not None and position < min(until, end):
        data = os.pread(output, min(until, end) - position, position)
        if data:
            pieces.append(Piece(offset=position, stream=stream, at_ms=at_ms, data=data, is_indexed=False))
    return pieces


class _Record(NamedTuple):
    end: int
    stream: str
    at_ms: int


def _records(index: int, offset: int) -> Iterator[_Record | None]:
    """Yields the records from the one that holds `offset` on, and None in place of one that cannot be true.

    Each begins where the one before it ends, and is not older. Nothing that the file may hold raises.
    """
    try:
        count = os.fstat(index).st_size // INDEX_RECORD.size
        at = _find_record(index, count, offset)
        covered, latest = 0, 0
        if at > 0:
            start, length, _, latest = INDEX_RECORD.unpack(_read_records(index, at - 1, 1))
            covered = start + length
        while at < count:
            block = _read_records(index, at, min(_BLOCK_RECORDS, count - at))
            for start, length, number, moment in INDEX_RECORD.iter_unpack(block):
                if start != covered or length == 0 or number >= len(STREAMS) or moment < latest:
                    yield None
                    return
                covered, latest = start + length, moment
                yield _Record(covered, STREAMS[number], moment)
            at += _BLOCK_RECORDS
    except (OSError, struct.error):
        # It is no file, or was cut while it was read.
        yield None


def _read_records(index: int, at: int, count: int) -> bytes:
    return os.pread(index, INDEX_RECORD.size * count, at * INDEX_RECORD.size)


def _find_record(index: int, count: int, offset: int) -> int:
    """Returns the last record that starts at or before the offset; records are sorted."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        start = INDEX_RECORD.unpack(_read_records(index, middle, 1))[0]
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
    Where times are not known any more a marker says so.
    Format: docs.asciinema.org/manual/asciicast/v2.
    """
    head = {"version": 2, "width": columns, "height": rows, "timestamp": started_at, "title": title}
    yield json.dumps(head) + "\n"
    for at_ms, code, text in _record(pieces):
        yield json.dumps([at_ms / 1000, code, text], ensure_ascii=False) + "\n"


def render_asciicast_v3(
    pieces: Iterable[Piece], *, rows: int, columns: int, started_at: int, title: str, exit_status: int | None
) -> Iterator[str]:
    """Yields the lines of an asciicast v3 recording: times are since the event before.

    It ends with the status. `exit_status` is None for what has not ended, or ended without one. What is left
    out is as in v2.
    Format: docs.asciinema.org/manual/asciicast/v3.
    """
    head = {"version": 3, "term": {"cols": columns, "rows": rows}, "timestamp": started_at, "title": title}
    yield json.dumps(head) + "\n"
    before = 0
    for at_ms, code, text in _record(pieces):
        # Milliseconds, so that the sum of the steps is the time itself. Streams may overtake each other.
        at_ms = max(before, at_ms)
        yield json.dumps([(at_ms - before) / 1000, code, text], ensure_ascii=False) + "\n"
        before = at_ms
    if exit_status is not None:
        yield json.dumps([0.0, "x", str(exit_status)]) + "\n"


def _record(pieces: Iterable[Piece]) -> Iterator[tuple[int, str, str]]:
    """Yields (milliseconds since the start, event code, text), of output and of where times are not known."""
    is_told = False
    for piece, text in _without(_REACHING, pieces):
        if not piece.is_indexed and not is_told:
            is_told = True
            yield piece.at_ms, "m", _UNKNOWN_TIMES
        if text:
            yield piece.at_ms, "o", text if piece.stream == "terminal" else text.replace("\n", "\r\n")


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
