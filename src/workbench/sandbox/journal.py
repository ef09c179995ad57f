"""The lines a step's proxy leaves about its connections: as they open, as they end, or as they are refused.

Standard library only. Only so many of each decision are kept one by one, because a hostile command can ask
without end; the rest is counted. What cannot be written is lost, and opens nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO


class Journal:
    """Writes a line for each decision, and one more where what was opened ends; from `most` of the same
    decision on it only counts.

    Each decision has its own bound, so that a flood of refused ones cannot hide where an allowed one went.
    """

    def __init__(self, file: BinaryIO, *, most: int) -> None:
        self._file, self._most = file, most
        self._lock = threading.Lock()
        self._written: dict[str, int] = {}
        self._more: dict[str, int] = {}

    def add(self, line: dict[str, object]) -> bool:
        """Writes or counts the decision on one connection; returns whether it was written."""
        with self._lock:
            decision = str(line["decision"])
            count = self._written[decision] = self._written.get(decision, 0) + 1
            if count <= self._most:
                self._write(line)
            else:
                self._more[decision] = self._more.get(decision, 0) + 1
            return count <= self._most

    def add_end(self, line: dict[str, object]) -> None:
        """Writes how a connection ended whose opening was written."""
        with self._lock:
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


def mark_open(descriptor: int) -> None:
    """Marks a journal as being written while this descriptor is open; the kernel takes the mark away."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def is_open(path: Path) -> bool:
    """Says whether a proxy still writes here: one whose supervisor was killed ends a moment later."""
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def read_journal(path: Path, *, offset: int = 0) -> tuple[list[dict[str, Any]], dict[str, int], int]:
    """Returns the connections in the order in which they were written, by decision how many more there were,
    and the offset from which to read on.

    Empty for a step without a list of names. Only whole lines are taken, so reading on from an offset gives
    what reading all at once does; a line that a crash spoilt is left out.
    """
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            data = file.read()
    except OSError:
        return [], {}, offset
    whole = data[: data.rfind(b"\n") + 1]
    found: list[dict[str, Any]] = []
    more: dict[str, int] = {}
    for line in whole.splitlines():
        try:
            document = json.loads(line)
        except ValueError:
            continue
        if "more" in document:
            more = document["more"]
        else:
            found.append({**document, "at": _render_time(document["at"])})
    return found, more, offset + len(whole)


def _render_time(moment: float) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(moment))}.{int(moment * 1000) % 1000:03d}Z"
