"""Writes one step's byte log and its index, and survives a full disk.

Standard library only; one writer, the shim. What cannot be kept is counted, never waited for: the
command must not stall because nobody can store its output. Nor is the disk filled to its end: the ledger may
lie on it, and what cannot be recorded cannot be stopped. It does not show output to anybody.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections import deque
from collections.abc import Iterator, Sequence

from workbench.sandbox.redaction import Redaction
from workbench.sandbox.step_folder import INDEX, INDEX_RECORD, OUTPUT, STREAMS, name_block

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_RESERVE_BYTES = 8 << 20
_RESERVE_SHARE = 8
_ASK_BYTES = 1 << 20
_BLOCKS = 16
_READ_BYTES = 1 << 20
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class Segment:
    """The open log. `size` is bytes on disk, `dropped` bytes that came and were not kept, and `end` the place
    of the next byte in the command's whole output.

    Of more than `limit_bytes` the first half is kept, and the last: that half is a ring of small files, of
    which the oldest goes when a new one begins, so of the last half at least 15 of 16 parts are there. It
    ends, as at a full disk, where less would be free than the smaller of 8 MiB and an eighth of the disk.
    """

    def __init__(self, folder: str, *, limit_bytes: int, masks: Sequence[bytes]) -> None:
        self._folder = folder
        self._limit = limit_bytes
        self._block_bytes = max(1, limit_bytes // 2 // _BLOCKS)
        # Whole blocks, so that nothing is dropped below the limit.
        self._tail_bytes = limit_bytes // 2 // self._block_bytes * self._block_bytes
        self._redactions = [Redaction(masks) for _ in STREAMS] if masks else None
        self._hash, self._index_hash = hashlib.sha256(), hashlib.sha256()
        self._head_hash, self._head_index_hash = self._hash, self._index_hash
        self._blocks: deque[list[int]] = deque()
        self._begin(OUTPUT, INDEX, limit_bytes - self._tail_bytes)
        self._spare = 0
        self._unasked = 0
        self._latest_ms = 0
        self._gap = 0
        self.size = 0
        self.end = 0
        self.dropped = 0
        self.reason = ""

    @property
    def cut(self) -> str:
        """Why output is missing, as a part of a sentence; "" while none is."""
        if not self._gap:
            return self.reason
        words = (
            f"output is above the limit of {self._limit} bytes, so {self._gap} bytes between its beginning "
            "and its end were dropped"
        )
        return f"{words}; {self.reason}" if self.reason else words

    def add(self, stream: int, data: bytes, at_ms: int) -> None:
        """Keeps output of a stream as far as it may be shown; never raises for a full disk."""
        if self._redactions is not None:
            data = self._redactions[stream].feed(data)
        if data:
            self._keep(stream, data, at_ms)

    def finish(self, at_ms: int) -> str:
        """Keeps what redaction held back and returns "sha256:" and the digest of what was kept.

        Where something between was dropped, the end is read again for it.
        """
        if self._redactions is not None:
            for stream, redaction in enumerate(self._redactions):
                rest = redaction.flush()
                if rest:
                    self._keep(stream, rest, at_ms)
        if self._gap:
            self._hash, self._index_hash = self._head_hash, self._head_index_hash
            for start, _ in self._blocks:
                for digest, name in zip((self._hash, self._index_hash), name_block(start), strict=True):
                    with contextlib.suppress(OSError), open(os.path.join(self._folder, name), "rb") as file:
                        while data := file.read(_READ_BYTES):
                            digest.update(data)
        return "sha256:" + self._hash.hexdigest()

    @property
    def index_digest(self) -> str:
        """Returns "sha256:" and the digest of what the index holds so far, of a finished log."""
        return "sha256:" + self._index_hash.hexdigest()

    def read_end(self, most_bytes: int) -> bytes:
        """Returns the last bytes that were kept; fewer where they cannot be read."""
        parts: list[bytes] = []
        wanted = most_bytes
        names = [name_block(start)[0] for start, _ in reversed(self._blocks)]
        for name in [*names, *([] if self._gap else [OUTPUT])]:
            with contextlib.suppress(OSError), open(os.path.join(self._folder, name), "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - wanted))
                parts.append(file.read(wanted))
                wanted -= len(parts[-1])
            if wanted <= 0:
                break
        return b"".join(reversed(parts))

    def close(self) -> None:
        """Asks the disk to keep it over a power cut too, which the end of the step does not wait for."""
        os.close(self._output)
        os.close(self._index)
        for path in [*self._files(), self._folder]:
            with contextlib.suppress(OSError):
                descriptor = os.open(path, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)

    def _files(self) -> Iterator[str]:
        for names in ((OUTPUT, INDEX), *(name_block(start) for start, _ in self._blocks)):
            yield from (os.path.join(self._folder, name) for name in names)

    def _keep(self, stream: int, data: bytes, at_ms: int) -> None:
        # The clock starts anew when the command is let go, and a time that goes back is taken for damage.
        at_ms = self._latest_ms = max(at_ms, self._latest_ms)
        while data:
            room = self._find_room(len(data))
            if room < 0:
                # All that would be written and removed again at once is not written.
                self._skip(-room)
                data = data[-room:]
                continue
            if room == 0:
                self.dropped += len(data)
                return
            part = data if len(data) <= room else data[:room]
            written = self._write(part)
            if written:
                self._record(part if written == len(part) else part[:written], stream, at_ms)
            if written == len(data):
                return
            data = data[written:]

    def _record(self, part: bytes, stream: int, at_ms: int) -> None:
        """Counts what has been written, and puts it into the index."""
        size = len(part)
        if not self._gap:
            self._hash.update(part)
        try:
            record = INDEX_RECORD.pack(self.end, size, stream, at_ms)
            noted = os.write(self._index, record)
            if not self._gap:
                self._index_hash.update(record[:noted])
        except OSError as error:
            self._note(error)
        self.size += size
        self.end += size
        self._left -= size
        if self._blocks:
            self._blocks[-1][1] += size
        self._spare -= size + INDEX_RECORD.size
        self._unasked += size + INDEX_RECORD.size

    def _find_room(self, wanted: int) -> int:
        """Returns how many bytes may be written now, or below 0 how many of `wanted` to leave out before.

        With 0 none will be any more; `reason` says why, and stays.
        """
        if self.reason:
            return 0
        if self._left == 0:
            if wanted > self._tail_bytes:
                return self._tail_bytes - wanted
            try:
                self._begin_block()
            except OSError as error:
                self._note(error)
                return 0
        # Others write there too: asked again in a while, and not so often that a flood would feel it.
        if self._spare <= 0 or self._unasked >= _ASK_BYTES:
            self._spare, self._unasked = self._find_spare(), 0
            if self._spare <= 0:
                self.reason = "the disk under the transcript is nearly full: the rest is kept for the ledger"
                return 0
        return min(self._left, self._spare)

    def _begin(self, output: str, index: str, room: int) -> None:
        self._output = os.open(os.path.join(self._folder, output), _FLAGS, 0o600)
        self._index = os.open(os.path.join(self._folder, index), _FLAGS, 0o600)
        self._left = room

    def _begin_block(self) -> None:
        if not self._blocks and not self._gap:
            self._head_hash, self._head_index_hash = self._hash.copy(), self._index_hash.copy()
        while self._blocks and (len(self._blocks) + 1) * self._block_bytes > self._tail_bytes:
            self._forget_block()
        before = self._output, self._index
        self._begin(*name_block(self.end), self._block_bytes)
        for descriptor in before:
            os.close(descriptor)
        self._blocks.append([self.end, 0])

    def _forget_block(self) -> None:
        """Removes the oldest block; the bytes first, so that whoever finds them finds their times too."""
        start, size = self._blocks.popleft()
        for name in name_block(start):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(self._folder, name))
        self.size -= size
        self._gap += size
        self.dropped += size

    def _skip(self, count: int) -> None:
        """Leaves bytes out that nobody would be able to read a moment later, and with them the whole ring."""
        if not self._blocks and not self._gap:
            self._head_hash, self._head_index_hash = self._hash.copy(), self._index_hash.copy()
        while self._blocks:
            self._forget_block()
        self.end += count
        self._gap += count
        self.dropped += count

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
