"""The connections by which bubblewrap is held until its command may start, and gives up when we die.

Standard library only, for the shim.
"""

from __future__ import annotations

import contextlib
import os
import socket

_BARRIER_BYTES = 4096


def open_guarded() -> tuple[socket.socket, socket.socket]:
    """Returns our end and bubblewrap's of a connection that it reads to the end.

    Ours holds a byte that we have not read: should we die, the kernel tells bubblewrap of a broken
    connection and not of the end, so it gives up (unix_release_sock in net/unix/af_unix.c). A pipe would end
    there, and bubblewrap go on with what it had read.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    theirs.send(b"!")
    return ours, theirs


def let_go(ours: socket.socket) -> None:
    """Ends a guarded connection: with nothing left unread, its end is one."""
    ours.recv(1)
    ours.close()


def open_barrier() -> tuple[socket.socket, socket.socket]:
    """Returns a guarded connection, so full on our side that it turns ready only when bubblewrap reads."""
    ours, theirs = open_guarded()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BARRIER_BYTES)
    ours.setblocking(False)
    filling = b"This command runs in a sandbox of the Feature Execution Workbench.\n".ljust(
        _BARRIER_BYTES, b"\n"
    )
    with contextlib.suppress(BlockingIOError):
        while True:
            ours.send(filling)
    return ours, theirs


def open_memory(name: str, data: bytes) -> int:
    """Returns a descriptor of a file in memory with these bytes, to be read from its start."""
    descriptor = os.memfd_create(name)
    os.write(descriptor, data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
