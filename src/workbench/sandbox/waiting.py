"""Finds out whether a step waits for somebody to type, from what the kernel says its processes do.

Standard library only, for the shim. It claims that only of a process in the terminal's foreground that sleeps
in a call which nothing but input to this terminal ends: a read of it, or a wait without a limit for it alone.
What is busy, sleeps, waits for the network too, or cannot be looked at waits for nobody.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import termios
import time

from workbench.sandbox import step_folder
from workbench.sandbox.spoken import say_time

_QUIET_SECONDS = 0.5
_AGAIN_SECONDS = 1.0
_LONGEST_SECONDS = 5.0
_MOST_PROCESSES = 256
_MOST_WAITED_FOR = 64
_POLL = struct.Struct("<ihh")
_POLLIN = 1
_CONTROLLING = os.makedev(5, 0)
"""/dev/tty: the terminal of whoever opens it, which in a step is the step's."""

Device = tuple[int, int]
"""Of a terminal's name: the file system that it is in, and its device number."""

_READS, _POLLS, _SELECTS = {
    "x86_64": ({0, 19}, {7: False, 271: True}, {23, 270}),
    "aarch64": ({63, 65}, {73: True}, {72}),
}.get(os.uname().machine, (set[int](), dict[int, bool](), set[int]()))
"""Numbers of read and readv; of poll and ppoll, and whether the limit is a pointer; of select, pselect6."""


class InputWatch:
    """One step's. `look` when nothing has come for a while; what it finds is in waiting.json."""

    def __init__(self, folder: str, keyboard: int, terminal: Device) -> None:
        """`keyboard` is our end of the terminal, `terminal` the other one's device."""
        self._folder, self._keyboard, self._terminal = folder, keyboard, terminal
        self._since: float | None = None
        self._next = 0.0

    def next_look(self, last_active: float) -> float:
        """Returns the moment of the next look, by the monotonic clock."""
        return max(self._next, last_active + _QUIET_SECONDS)

    def look(self, init: int, last_active: float) -> None:
        """Looks when it is time, writes down that the step waits, and takes it back when it does no more.

        `last_active` is when the step last put something out or was typed to.
        """
        now = time.monotonic()
        if self._since is not None and last_active > self._since:
            self.forget()
        if now < self.next_look(last_active):
            return
        is_waiting = waits_for_input(init, self._keyboard, self._terminal)
        if is_waiting and self._since is None:
            self._since = last_active
            since = say_time(time.time() - (now - last_active))
            # On a full disk nobody is told; the step goes on all the same.
            with contextlib.suppress(OSError):
                step_folder.write_document(self._folder, step_folder.WAITING, {"since": since}, durable=False)
        elif not is_waiting:
            self.forget()
        # The longer it is quiet the less often: a wait that begins late is told of a little later.
        quiet = now - last_active
        self._next = now + (_AGAIN_SECONDS if is_waiting else min(_LONGEST_SECONDS, max(0.25, quiet / 2)))

    def forget(self) -> None:
        """Takes back what was written down."""
        if self._since is not None:
            self._since = None
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(self._folder, step_folder.WAITING))


def waits_for_input(init: int, keyboard: int, terminal: Device) -> bool:
    """Says whether a process below `init`, in the terminal's foreground, waits for its input alone."""
    try:
        group = struct.unpack("i", fcntl.ioctl(keyboard, termios.TIOCGPGRP, b"\0" * 4))[0]
    except OSError:
        return False
    return any(
        _group_of(pid) == group and any(_is_reading(pid, thread, terminal) for thread in _threads(pid))
        for pid in _below(init)
    )


def _below(init: int) -> list[int]:
    """Returns the process and all below it, as far as there are not too many."""
    found = [init]
    for pid in found:
        for thread in _threads(pid):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children") as file:
                found += [int(child) for child in file.read().split()]
        if len(found) > _MOST_PROCESSES:
            break
    return found


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def _group_of(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[2])
    except (OSError, IndexError, ValueError):
        return -1


def _is_reading(pid: int, thread: str, terminal: Device) -> bool:
    try:
        with open(f"/proc/{pid}/task/{thread}/syscall") as file:
            words = file.read().split()
        # "running", or "-1 …" in no call at all.
        if len(words) != 9:
            return False
        number, *arguments = (int(word, 0) for word in words[:7])
        if number in _READS:
            return _is_terminal(pid, arguments[0], terminal)
        if number in _POLLS:
            return _polls_only(pid, arguments, terminal, has_pointer=_POLLS[number])
        return number in _SELECTS and _selects_only(pid, arguments, terminal)
    except (OSError, ValueError, struct.error):
        # Gone meanwhile, or not ours to look at.
        return False


def _is_terminal(pid: int, descriptor: int, terminal: Device) -> bool:
    found = os.stat(f"/proc/{pid}/fd/{descriptor}")
    # A terminal that the step made itself has the same number, in another file system.
    return (found.st_dev, found.st_rdev) == terminal or found.st_rdev == _CONTROLLING


def _polls_only(pid: int, arguments: list[int], terminal: Device, *, has_pointer: bool) -> bool:
    place, count, limit = arguments[:3]
    has_limit = limit != 0 if has_pointer else limit & 0x80000000 == 0
    if has_limit or not 0 < count <= _MOST_WAITED_FOR:
        return False
    waited = [
        (descriptor, events)
        for descriptor, events, _ in _POLL.iter_unpack(_peek(pid, place, count * _POLL.size))
        if descriptor >= 0
    ]
    return bool(waited) and all(
        events & _POLLIN and _is_terminal(pid, descriptor, terminal) for descriptor, events in waited
    )


def _selects_only(pid: int, arguments: list[int], terminal: Device) -> bool:
    count, reads, writes, others, limit = arguments[:5]
    if limit != 0 or not 0 < count <= _MOST_WAITED_FOR:
        return False
    if any(place and _bits(pid, place, count) for place in (writes, others)):
        return False
    waited = _bits(pid, reads, count) if reads else []
    return bool(waited) and all(_is_terminal(pid, descriptor, terminal) for descriptor in waited)


def _bits(pid: int, place: int, count: int) -> list[int]:
    number = int.from_bytes(_peek(pid, place, 8), "little")
    return [descriptor for descriptor in range(count) if number >> descriptor & 1]


def _peek(pid: int, place: int, size: int) -> bytes:
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(place)
        return memory.read(size)
