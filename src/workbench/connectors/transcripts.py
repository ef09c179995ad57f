"""Renders what a local step put out, from its folder alone: raw, as text, as a recording, or searched.

It reads only, and works the same while a step runs and for ever after.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from workbench.model.errors import NotFound
from workbench.sandbox import step_folder, transcript
from workbench.sandbox.transcript import Piece


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHit:
    """A line of a transcript that holds the text; lines count from 1."""

    line: int
    text: str


def render(folder: Path, name: str, form: str) -> Iterator[bytes]:
    """Yields the output so far as "text", "asciicast", "asciicast-v3" or, for other words, the raw bytes.

    `name` is the step's external run id. Raises NotFound for a step that left nothing.
    """
    request = read_request(folder, name)
    match form:
        case "text":
            return (part.encode() for part in transcript.render_text(_pieces(folder)))
        case "asciicast" | "asciicast-v3":
            begun = datetime.fromisoformat(str(request["dispatched_at"]))
            facts: dict[str, Any] = {
                "rows": int(request["rows"]),
                "columns": int(request["columns"]),
                "started_at": int(begun.timestamp()),
                "title": str(request["title"]),
            }
            if form == "asciicast":
                recording = transcript.render_asciicast(_pieces(folder), **facts)
            else:
                status = _exit_status(folder)
                recording = transcript.render_asciicast_v3(_pieces(folder), exit_status=status, **facts)
            return (part.encode() for part in recording)
        case _:
            return (piece.data for piece in _pieces(folder))


def search(folder: Path, name: str, text: str, *, limit: int) -> Iterator[SearchHit]:
    """Yields the lines of the plain text that hold `text`, case ignored, at most `limit`."""
    read_request(folder, name)
    wanted = text.casefold()
    found = 0
    for number, line in enumerate(transcript.render_text(_pieces(folder)), start=1):
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


def _pieces(folder: Path) -> Iterator[Piece]:
    until = None
    for name in (step_folder.EXIT, step_folder.LOST):
        ended = step_folder.read_document(str(folder), name)
        if ended is not None:
            until = int(ended["output_bytes"])
            break
    return transcript.iterate_pieces(folder, until=until)
