"""Ties a step to the lease of the worker that started it: with the lease over, the step ends.

Standard library only: the shim holds the other end. The worker writes until when it may go on, in seconds of
the boot clock, which all processes of a machine share and which goes on while it sleeps. The file has one
size, so that a full disk takes nothing from a lease.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any, Final

FILE: Final = "lease.json"
_BYTES: Final = 256


def write_lease(path: str, worker_id: str, until: float) -> None:
    """Says until when the steps of this worker may go on; raises OSError."""
    data = json.dumps({"worker_id": worker_id, "until": until}).encode().ljust(_BYTES)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.pwrite(descriptor, data, 0)
    finally:
        os.close(descriptor)


class Tether:
    """The shim's end. `document` is what the assignment says: the lease's file, and whose lease it is."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._path, self._worker_id = str(document["file"]), str(document["worker_id"])
        self._until = 0.0
        self.look()

    def look(self) -> None:
        """Reads the lease afresh; what cannot be read changes nothing."""
        try:
            with open(self._path, "rb") as file:
                found = json.loads(file.read())
            worker_id, until = str(found["worker_id"]), float(found["until"])
        except (OSError, ValueError, KeyError, TypeError):
            return
        # A worker that had to take another name has given up what it ran under this one.
        self._until = until if worker_id == self._worker_id else 0.0

    def left_seconds(self) -> float:
        """Returns for how long the step may go on, 0 when the lease is over; reads it only then."""
        if self._until <= _now():
            self.look()
        return max(0.0, self._until - _now())

    def explain(self) -> str:
        """Returns why the step ends with the lease."""
        return f"worker {self._worker_id} had lost its lease"


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
