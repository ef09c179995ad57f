"""Serves a step's control socket: who watches the output, and what is asked of the step.

Standard library only; lines of JSON both ways. A watcher says how far it has read and is told once when
there is more, so a slow one costs nothing; one that does not take its answer is dropped and comes back.
It changes nothing itself: requests are handed to the shim.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

_LONGEST_LINE = 4 * 1024 * 1024


class Subscriber:
    """One open connection."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self._received = b""
        self._watched: tuple[int, str] | None = None

    def fileno(self) -> int:
        return self.connection.fileno()

    def receive(self, serve: Callable[[dict[str, Any]], None]) -> bool:
        """Reads what has come and serves whole lines; False when the connection is over."""
        try:
            data = self.connection.recv(1 << 16)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._received += data
        *lines, self._received = self._received.split(b"\n")
        for line in lines:
            try:
                request = json.loads(line)
                if request["op"] == "watch":
                    self._watched = int(request["bytes"]), str(request["phase"])
                else:
                    serve(request)
            except (ValueError, KeyError, TypeError):
                return False
        return bool(data) and len(self._received) <= _LONGEST_LINE

    def tell(self, size: int, phase: str) -> bool:
        """Answers an open watch once there is something new; False when the connection is over."""
        if self._watched is None or (size <= self._watched[0] and phase == self._watched[1]):
            return True
        self._watched = None
        return self.send({"bytes": size, "phase": phase})

    def send(self, message: dict[str, Any]) -> bool:
        """Sends one line; False when it could not be taken whole."""
        line = json.dumps(message).encode() + b"\n"
        try:
            return self.connection.send(line) == len(line)
        except OSError:
            return False
