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

from workbench.sandbox.cgroup import enter_group
from workbench.sandbox.rehearsal import rehearse
from workbench.sandbox.shim import become_supervisor, supervise
from workbench.sandbox.starter import fork_starter

_LONGEST_MESSAGE = 64
_QUIET_SECONDS = 0.02


def main() -> None:
    """Serves the socket that is standard input until it closes."""
    server = socket.socket(fileno=os.dup(0))
    nobody = int(sys.argv[3])
    if nobody >= 0:
        os.set_inheritable(nobody, False)
    quiet = os.open("/dev/null", os.O_RDWR)
    os.dup2(quiet, 0)
    # Children are not waited for; the kernel takes them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    enter_group()
    # What a first start would load and set up is then there for every child.
    rehearse(sys.argv[2])
    gc.collect()
    gc.freeze()
    spare: socket.socket | None = None
    while True:
        if spare is None and not select.select([server], [], [], _QUIET_SECONDS)[0]:
            spare = _fork_spare(server)
        descriptors = _receive(server)
        if not descriptors:
            return
        if spare is None or not _hand_over(spare, descriptors):
            _fork_shim(server, descriptors)
        spare = None
        for descriptor in descriptors:
            os.close(descriptor)


def _receive(connection: socket.socket) -> list[int]:
    """Returns the descriptors of one request: the document, and the socket for its shim; empty at the end."""
    _, descriptors, _, _ = socket.recv_fds(connection, _LONGEST_MESSAGE, 2)
    for descriptor in descriptors:
        # Received descriptors are inherited unless one says otherwise; no command may have these.
        os.set_inheritable(descriptor, False)
    return descriptors


def _fork_spare(server: socket.socket) -> socket.socket | None:
    """Forks a child that waits to become the next shim, with a child of its own for the sandbox.

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
        server.close()
        _serve(theirs)
    theirs.close()
    return ours


def _hand_over(spare: socket.socket, descriptors: list[int]) -> bool:
    """Gives the request to the waiting child; False when that has died."""
    try:
        socket.send_fds(spare, [b"shim"], descriptors)
    except OSError:
        return False
    finally:
        spare.close()
    return True


def _fork_shim(server: socket.socket, descriptors: list[int]) -> None:
    try:
        child = os.fork()
    except OSError as error:
        # A fork bomb may have used up every process: say so and stay.
        answer = {"error": f"no process can be started: {error.strerror}"}
        os.write(descriptors[1], json.dumps(answer).encode())
        return
    if child == 0:
        server.close()
        _serve(None, descriptors)


def _serve(waiting: socket.socket | None, descriptors: list[int] | None = None) -> None:
    """Becomes the shim of one request, given now or over the socket it waits at; never returns."""
    try:
        # A command is as nice as whoever started the service; its supervisor need not be.
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        identity = become_supervisor()
        starter = fork_starter(nice, nobody=int(sys.argv[3]))
        if waiting is not None:
            rehearse(sys.argv[2])
            descriptors = _receive(waiting)
            waiting.close()
        if not descriptors:
            os._exit(0)
        request, word = descriptors
        os.lseek(request, 0, os.SEEK_SET)
        with open(request, "rb") as file:
            document = json.loads(file.read())
        supervise(document, word=socket.socket(fileno=word), starter=starter, identity=identity)
        os._exit(0)
    except BaseException as error:
        sys.stderr.write(f"the shim ended unexpectedly: {error!r}\n")
    finally:
        os._exit(1)
