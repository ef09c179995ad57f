"""Writes one step's byte log and its index, and survives a full disk.

Standard library only; one writer, the shim. What cannot be kept is counted, never waited for: the
command must not stall because nobody can store its output. Nor is the disk filled to its end: the ledger may
lie on it, and what cannot be recorded cannot be stopped. It does not read.
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
_RESERVE_BYTES = 8 << 20
_RESERVE_SHARE = 8
_ASK_BYTES = 1 << 20


class Segment:
    """The open log. `size` is bytes on disk, `dropped` bytes that came and were not kept.

    It ends, as at a full disk, where less would be free than the smaller of 8 MiB and an eighth of the disk.
    """

    def __init__(self, folder: str, *, limit_bytes: int, masks: Sequence[bytes]) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        self._output = os.open(os.path.join(folder, OUTPUT), flags, 0o600)
        self._index = os.open(os.path.join(folder, INDEX), flags, 0o600)
        self._limit = limit_bytes
        self._redactions = [Redaction(masks) for _ in STREAMS] if masks else None
        self._hash = hashlib.sha256()
        self._index_hash = hashlib.sha256()
        self._spare = 0
        self._unasked = 0
        self._latest_ms = 0
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

    @property
    def index_digest(self) -> str:
        """Returns "sha256:" and the digest of what the index holds so far."""
        return "sha256:" + self._index_hash.hexdigest()

    def close(self) -> None:
        """Asks the disk to keep it over a power cut too, which the end of the step does not wait for."""
        for descriptor in (self._output, self._index):
            with contextlib.suppress(OSError):
                os.fsync(descriptor)
            os.close(descriptor)

    def _keep(self, stream: int, data: bytes, at_ms: int) -> None:
        # The clock starts anew when the command is let go, and a time that goes back is taken for damage.
        at_ms = self._latest_ms = max(at_ms, self._latest_ms)
        while data:
            room = self._find_room()
            if room <= 0:
                self.dropped += len(data)
                return
            part = data if len(data) <= room else data[:room]
            written = self._write(part)
            if written:
                self._hash.update(part if written == len(part) else part[:written])
                try:
                    record = INDEX_RECORD.pack(self.size, written, stream, at_ms)
                    self._index_hash.update(record[: os.write(self._index, record)])
                except OSError as error:
                    self._note(error)
                self.size += written
                self._spare -= written + INDEX_RECORD.size
                self._unasked += written + INDEX_RECORD.size
            if written == len(data):
                return
            data = data[written:]

    def _find_room(self) -> int:
        """Returns how many bytes may be written now; without any, `reason` says why, and stays."""
        if self.reason:
            return 0
        if self.size >= self._limit:
            self.reason = f"output is above the limit of {self._limit} bytes"
            return 0
        # Others write there too: asked again in a while, and not so often that a flood would feel it.
        if self._spare <= 0 or self._unasked >= _ASK_BYTES:
            self._spare, self._unasked = self._find_spare(), 0
            if self._spare <= 0:
                self.reason = "the disk under the transcript is nearly full: the rest is kept for the ledger"
                return 0
        return min(self._limit - self.size, self._spare)

    def _find_spare(self) -> int:
        """Returns what is free on the disk above the reserve, in bytes."""
        try:
            disk = os.fstatvfs(self._output)
        except OSError:
            return _ASK_BYTES
        total = disk.f_blocks * disk.f_frsize
        if total == 0:
            # A file system that does not know its size; what cannot be written is noticed all the same.
            return _ASK_BYTES
        return disk.f_bavail * disk.f_frsize - min(_RESERVE_BYTES, total // _RESERVE_SHARE)

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
