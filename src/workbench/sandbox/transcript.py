"""Renders a step's output as text or asciicast for people.

Output is hostile: what leaves here as text holds no control sequence, and what leaves as asciicast none
that reaches beyond the screen. Pieces in, lines out: it reads no file.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator

from workbench.sandbox.pieces import Piece
from workbench.sandbox.step_folder import STREAMS

_LONGEST_SEQUENCE = 4096
_LONGEST_LINE = 1 << 16
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


def render_text(pieces: Iterable[Piece]) -> Iterator[str]:
    """Yields plain text: no control sequence, no control character but newline and tab.

    A line that was overwritten after a carriage return shows what stood there last, as on the screen. What is
    missing is told in a line of its own.
    """
    rest = ""
    for piece, text in _without(_ANY, pieces):
        if piece.lost_bytes:
            if rest + text:
                yield _settle(rest + text) + "\n"
            rest = ""
            yield f"[{say_lost(piece.lost_bytes)}]\n"
            continue
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
    Where output is missing, or times are not known any more, a marker says so.
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


def say_lost(count: int) -> str:
    """Returns the words that stand where output was not kept."""
    return f"{count} {'byte' if count == 1 else 'bytes'} of output missing here"


def _record(pieces: Iterable[Piece]) -> Iterator[tuple[int, str, str]]:
    """Yields (milliseconds since the start, event code, text), of output and of where times are not known."""
    is_told = False
    for piece, text in _without(_REACHING, pieces):
        if not piece.is_indexed and not is_told:
            is_told = True
            yield piece.at_ms, "m", _UNKNOWN_TIMES
        if text:
            yield piece.at_ms, "o", text if piece.stream == "terminal" else text.replace("\n", "\r\n")
        if piece.lost_bytes:
            yield piece.at_ms, "m", say_lost(piece.lost_bytes)


def _without(pattern: re.Pattern[str], pieces: Iterable[Piece]) -> Iterator[tuple[Piece, str]]:
    """Yields each piece's text without the sequences, whatever the borders between pieces cut through.

    Nothing goes on behind output that is missing: what was begun before it comes with the piece that says so.
    """
    decoders = {name: codecs.getincrementaldecoder("utf-8")("replace") for name in STREAMS}
    held = dict.fromkeys(STREAMS, "")
    last: dict[str, Piece] = {}
    for piece in pieces:
        if piece.lost_bytes:
            text = "".join(held[name] + decoders[name].decode(b"", True) for name in last)
            decoders = {name: codecs.getincrementaldecoder("utf-8")("replace") for name in STREAMS}
            held, last = dict.fromkeys(STREAMS, ""), {}
            yield piece, pattern.sub("", text)
            continue
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
