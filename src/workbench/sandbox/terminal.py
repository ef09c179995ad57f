"""Opens a step's terminal or pipes and makes the child's end its standard streams.

Standard library only, for the single-threaded shim: plain descriptors, no forkpty. It reads nothing;
what flows through belongs to shim.py.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import termios
from dataclasses import dataclass

_PIPE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """Descriptors of both sides. `sources` maps a descriptor to read to its stream number; `keyboard` is
    where input is written, None in pipe mode; `child` are the child's streams 0, 1 and 2."""

    sources: dict[int, int]
    keyboard: int | None
    child: tuple[int, int, int]


def open_terminal(*, rows: int, columns: int) -> Channels:
    """Opens a pseudo-terminal in its usual cooked mode: programs then print as they do for a person."""
    master, slave = os.openpty()
    set_size(master, rows=rows, columns=columns)
    attributes = termios.tcgetattr(slave)
    # UTF-8 aware erase in cooked mode; Python has no name for the flag (asm-generic/termbits.h).
    attributes[0] |= 0o40000
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    os.set_blocking(master, False)
    return Channels(sources={master: 0}, keyboard=master, child=(slave, slave, slave))


def open_pipes() -> Channels:
    """Opens stdout and stderr as separate wide pipes; stdin is at its end from the start."""
    stdin = os.open("/dev/null", os.O_RDONLY)
    output, output_end = os.pipe()
    errors, errors_end = os.pipe()
    for descriptor in (output, errors):
        os.set_blocking(descriptor, False)
        # When the user's pipe allowance is used up, the usual 64 KiB work too.
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return Channels(sources={output: 1, errors: 2}, keyboard=None, child=(stdin, output_end, errors_end))


def set_size(descriptor: int, *, rows: int, columns: int) -> None:
    """Sets the terminal's size in cells; its foreground programs get SIGWINCH."""
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def take_terminal() -> None:
    """Makes standard input the controlling terminal of the calling session leader."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
