"""Writes one step's byte log and its index, and survives a full disk.

Standard library only; one writer, the shim. What cannot be kept is counted, never waited for: the
command must not stall because nobody can store its output. It does not read.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Sequence

from workbench.sandbox.redaction import Redaction
from workbench.sandbox.step_folder import INDEX, INDEX_RECORD, OUTPUT, STREAMS

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


class Segment:
    """The open log. `size` is bytes on disk, `dropped` bytes that came and were not kept."""

    def __init__(self, folder: str, *, limit_bytes: int, masks: Sequence[bytes]) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        self._output = os.open(os.path.join(folder, OUTPUT), flags, 0o600)
        self._index = os.open(os.path.join(folder, INDEX), flags, 0o600)
        self._limit = limit_bytes
        self._redactions = [Redaction(masks) for _ in STREAMS] if masks else None
        self._hash = hashlib.sha256()
        self.size = 0
        self.dropped = 0
        self.reason = ""

    def add(self, stream: int, data: bytes, at_ms: int) -> None:
        """Keeps output of a stream as far as it may be shown; never raises for a full disk."""
        if self._redactions is not None:
            data = self._redactions[stream].feed(data)
        if data:
            self._keep(stream, data, at_ms)

    def finish(self, at_ms: int) -> str:
        """Keeps what redaction held back and returns "sha256:" and the digest of what was kept."""
        if self._redactions is not None:
            for stream, redaction in enumerate(self._redactions):
                rest = redaction.flush()
                if rest:
                    self._keep(stream, rest, at_ms)
        return "sha256:" + self._hash.hexdigest()

    def close(self) -> None:
        """Asks the disk to keep it over a power cut too, which the end of the step does not wait for."""
        for descriptor in (self._output, self._index):
            with contextlib.suppress(OSError):
                os.fsync(descriptor)
            os.close(descriptor)

    def _keep(self, stream: int, data: bytes, at_ms: int) -> None:
        room = self._limit - self.size
        if self.reason or room <= 0:
            self.dropped += len(data)
            self.reason = self.reason or f"output is above the limit of {self._limit} bytes"
            return
        part = data if len(data) <= room else data[:room]
        written = self._write(part)
        if written:
            self._hash.update(part if written == len(part) else part[:written])
            try:
                os.write(self._index, INDEX_RECORD.pack(self.size, written, stream, at_ms))
            except OSError as error:
                self._note(error)
            self.size += written
        self.dropped += len(data) - written
        if len(data) > room and not self.reason:
            self.reason = f"output is above the limit of {self._limit} bytes"

    def _write(self, data: bytes) -> int:
        written = 0
        try:
            while written < len(data):
                written += os.write(self._output, data[written:] if written else data)
        except OSError as error:
            self._note(error)
        return written

    def _note(self, error: OSError) -> None:
        if error.errno not in _FULL:
            self.reason = f"the transcript cannot be written: {error.strerror}"
        else:
            self.reason = f"the disk under the transcript is full: {error.strerror}"
