"""Reads a run's terminal WebSocket as a page does: frames by offset, and what was said beside them."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Any

from websockets.sync.client import ClientConnection

HEAD = struct.Struct(">BQI")
PATIENCE_SECONDS = 30
STREAMS = ("terminal", "stdout", "stderr")


@dataclass(kw_only=True)
class Seen:
    """All output since `offset`, whole and by stream, and the text messages in order."""

    offset: int
    data: bytes = b""
    streams: dict[str, bytes] = field(default_factory=dict)
    said: list[dict[str, Any]] = field(default_factory=list)

    @property
    def end(self) -> int:
        return self.offset + len(self.data)

    def take(self, message: str | bytes) -> None:
        """Adds one message; a gap or an overlap between frames fails the test."""
        if isinstance(message, str):
            self.said.append(json.loads(message))
            return
        number, offset, _at_ms = HEAD.unpack_from(message)
        data = message[HEAD.size :]
        assert offset == self.end, f"a frame starts at {offset}, but {self.end} was next"
        self.data += data
        name = STREAMS[number]
        self.streams[name] = self.streams.get(name, b"") + data


def read_terminal(socket: ClientConnection, *, offset: int = 0, until: bytes | None = None) -> Seen:
    """Reads until the run's end is told, or until the bytes were seen."""
    seen = Seen(offset=offset)
    while until is None or until not in seen.data:
        seen.take(socket.recv(timeout=PATIENCE_SECONDS))
        if seen.said and seen.said[-1]["type"] == "ended":
            if until is not None:
                assert until in seen.data, (seen.data, seen.said)
            break
    return seen


def wait_said(socket: ClientConnection, seen: Seen, kind: str) -> dict[str, Any]:
    """Reads on until a message of this kind, and returns it."""
    while True:
        count = len(seen.said)
        seen.take(socket.recv(timeout=PATIENCE_SECONDS))
        if len(seen.said) > count and seen.said[-1]["type"] == kind:
            return seen.said[-1]
