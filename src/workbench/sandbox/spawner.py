"""The zygote's own program: waits for requests and forks a shim for each.

Standard library only, single-threaded, run as `python -I -S`: a warm interpreter saves the 40 ms a fresh
one takes. It keeps nothing of a request and ends when the server's side of its socket closes. It neither
supervises nor reaps: shims outlive it.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
from typing import Any

from workbench.sandbox.cgroup import enter_group
from workbench.sandbox.shim import supervise

_LONGEST_MESSAGE = 65536
_QUIET_SECONDS = 0.05


def main() -> None:
    """Serves the socket that is standard input until it closes."""
    server = socket.socket(fileno=os.dup(0))
    quiet = os.open("/dev/null", os.O_RDWR)
    os.dup2(quiet, 0)
    # Children are not waited for; the kernel takes them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    enter_group()
    gc.collect()
    gc.freeze()
    spare: socket.socket | None = None
    while True:
        if spare is None and not select.select([server], [], [], _QUIET_SECONDS)[0]:
            spare = _fork_spare(server)
        message, descriptors, _, _ = socket.recv_fds(server, _LONGEST_MESSAGE, 1)
        if not message:
            return
        if spare is None or not _hand_over(spare, message, descriptors):
            _fork_shim(server, message, descriptors[0])
        spare = None
        for descriptor in descriptors:
            os.close(descriptor)


def _fork_spare(server: socket.socket) -> socket.socket | None:
    """Forks a child that waits to become the next shim, which saves that one the fork.

    It ends when the zygote does, because its end of the socket pair then closes.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        child = os.fork()
    except OSError:
        ours.close()
        theirs.close()
        return None
    if child == 0:
        ours.close()
        message, descriptors, _, _ = socket.recv_fds(theirs, _LONGEST_MESSAGE, 1)
        theirs.close()
        if not message:
            os._exit(0)
        _serve(server, message, descriptors[0])
    theirs.close()
    return ours


def _hand_over(spare: socket.socket, message: bytes, descriptors: list[int]) -> bool:
    """Gives the request to the waiting child; False when that has died."""
    try:
        socket.send_fds(spare, [message], descriptors)
    except OSError:
        return False
    finally:
        spare.close()
    return True


def _fork_shim(server: socket.socket, message: bytes, descriptor: int) -> None:
    try:
        child = os.fork()
    except OSError as error:
        # A fork bomb may have used up every process: say so and stay.
        answer = {"ticket": message.decode(), "error": f"no process can be started: {error.strerror}"}
        server.send(json.dumps(answer).encode())
        return
    if child == 0:
        _serve(server, message, descriptor)


def _serve(server: socket.socket, message: bytes, descriptor: int) -> None:
    """Becomes the shim of one request; never returns."""

    def announce(answer: dict[str, Any]) -> None:
        server.send(json.dumps({"ticket": message.decode(), **answer}).encode())
        server.close()

    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.lseek(descriptor, 0, os.SEEK_SET)
        with open(descriptor, "rb") as file:
            request = json.loads(file.read())
        supervise(request, announce)
        os._exit(0)
    except BaseException as error:
        sys.stderr.write(f"the shim ended unexpectedly: {error!r}\n")
    finally:
        os._exit(1)
