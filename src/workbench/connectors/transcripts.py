"""Renders what a local step put out, from its folder alone: raw, as text, as a recording, or searched.

It reads only, and works the same while a step runs and for ever after.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from workbench.connectors.contract import WHOLE, Span
from workbench.connectors.keeping import read_end
from workbench.model.errors import NotFound
from workbench.sandbox import pieces, step_folder, transcript
from workbench.sandbox.pieces import LogFolder, Piece


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHit:
    """A line of a transcript that holds the text; lines count from 1."""

    line: int
    text: str


def render(folder: Path, log: LogFolder, name: str, form: str, span: Span) -> Iterator[bytes]:
    """Yields the output so far as "text", "asciicast", "asciicast-v3" or, for other words, the raw bytes.

    `name` is the step's external run id; `folder` holds its documents and `log` its output. Raises NotFound
    for a step that left nothing.
    """
    request = read_request(folder, name)
    found = _pieces(folder, log, span)
    match form:
        case "text":
            return (part.encode() for part in transcript.render_text(found))
        case "asciicast" | "asciicast-v3":
            begun = datetime.fromisoformat(str(request["dispatched_at"]))
            facts: dict[str, Any] = {
                "rows": int(request["rows"]),
                "columns": int(request["columns"]),
                "started_at": int(begun.timestamp()),
                "title": str(request["title"]),
            }
            if form == "asciicast":
                recording = transcript.render_asciicast(found, **facts)
            else:
                status = _exit_status(folder)
                recording = transcript.render_asciicast_v3(found, exit_status=status, **facts)
            return (part.encode() for part in recording)
        case _:
            return (piece.data for piece in found)


def search(folder: Path, log: LogFolder, name: str, text: str, *, limit: int) -> Iterator[SearchHit]:
    """Yields the lines of the plain text that hold `text`, case ignored, at most `limit`."""
    read_request(folder, name)
    wanted = text.casefold()
    found = 0
    for number, line in enumerate(transcript.render_text(_pieces(folder, log, WHOLE)), start=1):
        if wanted in line.casefold():
            yield SearchHit(line=number, text=line.rstrip("\n"))
            found += 1
            if found >= limit:
                return


def read_request(folder: Path, name: str) -> dict[str, Any]:
    """Returns what a step was dispatched with; raises NotFound for one that left nothing."""
    request = step_folder.read_document(str(folder), step_folder.REQUEST)
    if request is None:
        raise NotFound(f"{name} left no transcript", remedy="look at the run's steps")
    return request


def _exit_status(folder: Path) -> int | None:
    """As a shell tells it: 128 and the signal for what a signal ended."""
    ended = step_folder.read_document(str(folder), step_folder.EXIT)
    if ended is None:
        return None
    if ended["exit_code"] is not None:
        return int(ended["exit_code"])
    return None if ended["signal"] is None else 128 + int(ended["signal"])


def _pieces(folder: Path, log: LogFolder, span: Span) -> Iterator[Piece]:
    """Yields the output of the span, and at its end what was not kept of the output's end."""
    ended = read_end(folder)
    end = None if ended is None else step_folder.end_of(ended)
    offset = span.offset
    if span.from_ms is not None:
        offset = max(offset, pieces.find_offset(log, span.from_ms) - span.lead_bytes)
    last = None
    for last in pieces.iterate_pieces(log, offset=offset, until=end, stop=span.until):
        if span.until_ms is not None and last.at_ms > span.until_ms:
            return
        yield last
    if ended is None or end is None or (span.until is not None and span.until <= end):
        return
    if lost := step_folder.lost_behind(ended):
        stream, at_ms = ("stdout", 0) if last is None else (last.stream, last.at_ms)
        yield Piece(offset=end, stream=stream, at_ms=at_ms, data=b"", lost_bytes=lost)
