"""The lines a step's proxy leaves about its connections: written as they end, read when the step has.

Standard library only. Only so many are kept one by one, because a hostile command can ask without end; the
rest is counted. What cannot be written is lost, and opens nothing.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO


class Journal:
    """Writes one line a connection; from `most` on it only counts."""

    def __init__(self, file: BinaryIO, *, most: int) -> None:
        self._file, self._most = file, most
        self._lock = threading.Lock()
        self._written = 0
        self._more: dict[str, int] = {}

    def add(self, line: dict[str, object]) -> None:
        with self._lock:
            if self._written >= self._most:
                decision = str(line["decision"])
                self._more[decision] = self._more.get(decision, 0) + 1
                return
            self._written += 1
            self._write(line)

    def close(self) -> None:
        """Writes how many were not written one by one."""
        with self._lock:
            if self._more:
                self._write({"more": self._more})
                self._more = {}

    def _write(self, line: dict[str, object]) -> None:
        # A full disk must not open the network nor end it.
        with contextlib.suppress(OSError):
            self._file.write(json.dumps(line, sort_keys=True).encode() + b"\n")
            self._file.flush()


def read_journal(path: Path) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Returns the connections in the order in which they ended, and by decision how many more there were.

    Empty for a step without a list of names; a last line that was cut by a crash is left out.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return [], {}
    found: list[dict[str, Any]] = []
    more: dict[str, int] = {}
    for line in lines:
        try:
            document = json.loads(line)
        except ValueError:
            continue
        if "more" in document:
            more = document["more"]
        else:
            found.append({**document, "at": _render_time(document["at"])})
    return found, more


def _render_time(moment: float) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(moment))}.{int(moment * 1000) % 1000:03d}Z"
