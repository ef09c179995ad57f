"""The zygote's own program: waits for requests and forks a shim for each.

Standard library only, single-threaded, run as `python -I -S`: a warm interpreter saves the 40 ms a fresh
one takes. It keeps nothing of a request and ends when the server's side of its socket closes. It neither
supervises nor reaps: shims outlive it.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
from typing import Any

from workbench.sandbox.cgroup import enter_group
from workbench.sandbox.shim import supervise

_LONGEST_MESSAGE = 65536


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
    while True:
        message, descriptors, _, _ = socket.recv_fds(server, _LONGEST_MESSAGE, 1)
        if not message:
            return
        try:
            child = os.fork()
        except OSError as error:
            # A fork bomb may have used up every process: say so and stay.
            answer = {"ticket": message.decode(), "error": f"no process can be started: {error.strerror}"}
            server.send(json.dumps(answer).encode())
        else:
            if child == 0:
                _serve(server, message, descriptors[0])
        for descriptor in descriptors:
            os.close(descriptor)


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
