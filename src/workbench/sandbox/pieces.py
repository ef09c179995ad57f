"""Reads a step's byte log by offset or by time, while it is written and ever after.

Every offset is a place in the command's whole output: where some of that was not kept, a piece without bytes
says how many are missing. Where the files lie is not its concern: on this disk, or wherever a LogFolder
finds them. It never writes one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from workbench.sandbox.step_folder import INDEX_RECORD, STREAMS, Part, order_parts

_BLOCK_RECORDS = 1024
_READ_BYTES = 1 << 20
_LOOKS = 64
# What a log without any index counts as; a recording's line ends come out right with it in either mode.
_UNKNOWN_STREAM = "stdout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Output of one stream at an offset of the whole output; `at_ms` counts from the start of the step.

    Where the index does not tell, `is_indexed` is False, and stream and time are those of the output before.
    One that stands for output that was not kept has no data, and says in `lost_bytes` how much that was.
    """

    offset: int
    stream: str
    at_ms: int
    data: bytes
    is_indexed: bool = True
    lost_bytes: int = 0

    @property
    def end(self) -> int:
        """The offset of what comes next."""
        return self.offset + len(self.data) + self.lost_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A log as it lies there: `size_bytes` are kept, `end` is the place behind them in the whole output.

    The digests are over the kept bytes and over the index; `index_digest` is "" where there is no index.
    """

    size_bytes: int
    end: int
    digest: str
    index_digest: str


class LogFile(Protocol):
    """One open file of a log; every call may raise OSError."""

    def size(self) -> int: ...

    def read(self, count: int, at: int) -> bytes:
        """Returns so many bytes from a place on, fewer at the file's end."""

    def close(self) -> None: ...


class LogFolder(Protocol):
    """Where the files of one log lie."""

    def names(self) -> list[str]:
        """Returns the names of the files that are there now."""

    def open(self, name: str) -> LogFile:
        """Opens one for reading; raises FileNotFoundError, or another OSError."""


class DiskFolder:
    """A log on this machine's disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        try:
            return os.listdir(self.path)
        except OSError:
            return []

    def open(self, name: str) -> LogFile:
        return _DiskFile(os.open(self.path / name, os.O_RDONLY | os.O_NONBLOCK))


class _DiskFile:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def read(self, count: int, at: int) -> bytes:
        return os.pread(self._descriptor, count, at)

    def close(self) -> None:
        os.close(self._descriptor)


def read_pieces(
    folder: Path | LogFolder,
    *,
    offset: int,
    limit_bytes: int,
    until: int | None = None,
    after: Piece | None = None,
) -> list[Piece]:
    """Returns the output from `offset` on, at most `limit_bytes`, in order; what is missing is said.

    While a step runs only indexed bytes are given out. `until` is the end of an ended step's log: bytes
    before it that were not indexed any more (a full disk, a killed shim) go to the last stream. So do, at any
    time, all bytes from the first record on that cannot be true, or of a log whose index is gone: they are
    worth more than their times. `after` is the piece that the same reader got last; a reader that has met
    the end of the index does not use it again.
    """
    log = _log(folder)
    for _ in range(_LOOKS):
        parts = order_parts(log.names())
        try:
            return _collect(log, parts, offset, limit_bytes, until, after)
        except FileNotFoundError:
            # The oldest of the end is gone since we looked, because the command goes on; or all of it is.
            if order_parts(log.names()) == parts:
                return []
    return []


def iterate_pieces(
    folder: Path | LogFolder, *, offset: int = 0, until: int | None = None, stop: int | None = None
) -> Iterator[Piece]:
    """Yields the log from `offset` on, 256 KiB at a time; `stop` is the offset to end before."""
    last = None
    while stop is None or offset < stop:
        most = 1 << 18 if stop is None else min(1 << 18, stop - offset)
        pieces = read_pieces(folder, offset=offset, limit_bytes=most, until=until, after=last)
        if not pieces:
            return
        yield from pieces
        last = pieces[-1]
        offset = last.end


def find_offset(folder: Path | LogFolder, at_ms: int) -> int:
    """Returns where the first output lies that came at or after the time, by the index; the end of what is
    indexed where none did. It looks into a few records of each part, however long the log."""
    found = 0
    log = _log(folder)
    for part in order_parts(log.names()):
        try:
            index = log.open(part.times)
        except OSError:
            continue
        try:
            count = index.size() // INDEX_RECORD.size
            low = _search(index, count, lambda record: record[3] < at_ms)
            if low < count:
                return int(_read_record(index, low)[0])
            if count:
                start, length, _, _ = _read_record(index, count - 1)
                found = start + length
        except (OSError, struct.error):
            continue
        finally:
            index.close()
    return found


def find_extent(folder: Path | LogFolder) -> tuple[int, int]:
    """Returns the end of what is indexed, and when its last output came (milliseconds): the last record."""
    log = _log(folder)
    for part in reversed(order_parts(log.names())):
        try:
            index = log.open(part.times)
        except OSError:
            continue
        try:
            if count := index.size() // INDEX_RECORD.size:
                start, length, _, at_ms = _read_record(index, count - 1)
                return start + length, at_ms
        except (OSError, struct.error):
            continue
        finally:
            index.close()
    return 0, 0


def measure(folder: Path) -> Measured:
    """Reads the whole log, for one whose writer could not say what it wrote."""
    digest, index_digest = hashlib.sha256(), hashlib.sha256()
    size = end = 0
    has_index = False
    for part in order_parts(DiskFolder(folder).names()):
        with contextlib.suppress(OSError):
            read = _digest_file(folder / part.output, digest)
            size += read
            end = part.start + read if read else end
        with contextlib.suppress(OSError):
            _digest_file(folder / part.times, index_digest)
            has_index = True
    return Measured(
        size_bytes=size,
        end=end,
        digest=f"sha256:{digest.hexdigest()}",
        index_digest=f"sha256:{index_digest.hexdigest()}" if has_index else "",
    )


def _digest_file(path: Path, digest: hashlib._Hash) -> int:
    size = 0
    with open(path, "rb") as file:
        while data := file.read(_READ_BYTES):
            digest.update(data)
            size += len(data)
    return size


def _log(folder: Path | LogFolder) -> LogFolder:
    return DiskFolder(folder) if isinstance(folder, Path) else folder


def _collect(
    log: LogFolder, parts: list[Part], offset: int, limit: int, until: int | None, after: Piece | None
) -> list[Piece]:
    pieces: list[Piece] = []
    stream, at_ms = (after.stream, after.at_ms) if after else (_UNKNOWN_STREAM, 0)
    for number, part in enumerate(parts):
        following = parts[number + 1] if number + 1 < len(parts) else None
        if following is not None and following.start <= offset:
            continue
        if part.start > offset:
            pieces.append(
                Piece(offset=offset, stream=stream, at_ms=at_ms, data=b"", lost_bytes=part.start - offset)
            )
            offset = part.start
        use_index = after is None or after.is_indexed or after.offset < part.start
        with _opened(log, part, use_index) as (output, index):
            # A part that another follows is complete.
            end = until if following is None else part.start + output.size()
            found = _collect_part(output, index, part.start, offset, limit, end, (stream, at_ms))
        pieces += found
        if found:
            stream, at_ms = found[-1].stream, found[-1].at_ms
            limit -= found[-1].end - offset
            offset = found[-1].end
        if limit <= 0 or (following is not None and end is not None and offset < end):
            break
    return pieces


@contextlib.contextmanager
def _opened(log: LogFolder, part: Part, use_index: bool) -> Iterator[tuple[LogFile, LogFile | None]]:
    """Opens the index before the bytes, which are removed before it: so one that is missing is missing."""
    index = None
    if use_index:
        # Not there, or not to be opened: one is as good as the other.
        with contextlib.suppress(OSError):
            index = log.open(part.times)
    try:
        output = log.open(part.output)
        try:
            yield output, index
        finally:
            output.close()
    finally:
        if index is not None:
            index.close()


def _collect_part(
    output: LogFile,
    index: LogFile | None,
    base: int,
    position: int,
    limit: int,
    until: int | None,
    latest: tuple[str, int],
) -> list[Piece]:
    pieces: list[Piece] = []
    stream, at_ms = latest
    end = position + limit
    is_sound, there = index is not None, base
    for record in _records(index, base, position) if index is not None else ():
        if record is not None and record.end > there:
            # Asked after the record was read: it is written when its bytes are there.
            there = base + output.size()
        if record is None or record.end > there:
            is_sound = False
            break
        stream, at_ms = record.stream, record.at_ms
        if position < record.end:
            data = output.read(min(record.end, end) - position, position - base)
            pieces.append(Piece(offset=position, stream=stream, at_ms=at_ms, data=data))
            position += len(data)
        if position >= end:
            return pieces
    if not is_sound and until is None:
        until = base + output.size()
    if until is not None and position < min(until, end):
        data = output.read(min(until, end) - position, position - base)
        if data:
            pieces.append(Piece(offset=position, stream=stream, at_ms=at_ms, data=data, is_indexed=False))
    return pieces


class _Record(NamedTuple):
    end: int
    stream: str
    at_ms: int


def _records(index: LogFile, base: int, offset: int) -> Iterator[_Record | None]:
    """Yields the records from the one that holds `offset` on, and None in place of one that cannot be true.

    Each begins where the one before it ends, and is not older. Nothing that the file may hold raises.
    """
    try:
        count = index.size() // INDEX_RECORD.size
        at = max(0, _search(index, count, lambda record: record[0] <= offset) - 1)
        covered, latest = base, 0
        if at > 0:
            start, length, _, latest = _read_record(index, at - 1)
            covered = start + length
        while at < count:
            block = _read_records(index, at, min(_BLOCK_RECORDS, count - at))
            for start, length, number, moment in INDEX_RECORD.iter_unpack(block):
                if start != covered or length == 0 or number >= len(STREAMS) or moment < latest:
                    yield None
                    return
                covered, latest = start + length, moment
                yield _Record(covered, STREAMS[number], moment)
            at += _BLOCK_RECORDS
    except (OSError, struct.error):
        # It is no file, or was cut while it was read.
        yield None


def _read_records(index: LogFile, at: int, count: int) -> bytes:
    return index.read(INDEX_RECORD.size * count, at * INDEX_RECORD.size)


def _read_record(index: LogFile, at: int) -> tuple[int, int, int, int]:
    start, length, number, moment = INDEX_RECORD.unpack(_read_records(index, at, 1))
    return start, length, number, moment


def _search(index: LogFile, count: int, comes_before: Callable[[tuple[int, int, int, int]], bool]) -> int:
    """Returns how many records come before what is looked for; they are sorted by offset and by time."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if comes_before(_read_record(index, middle)):
            low = middle + 1
        else:
            high = middle
    return low
