"""A process, forked beforehand, that waits to become one step's bubblewrap.

Standard library only. Forking an interpreter and preparing it for another program takes longer than starting
that program, and none of it depends on the command; so it is done while nobody waits. It is told what to
execute once, by the supervisor it belongs to, and dies with it. It decides nothing.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence

from workbench.sandbox import terminal
from workbench.sandbox.ownerless import show_ownerless

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
# The C library keeps these two for itself and resets them for nobody; whoever started the service may have
# left them ignored. A kernel sigaction of zeros is the default (include/uapi/asm-generic/signal.h).
_LIBRARY_SIGNALS = (32, 33)
_SYS_RT_SIGACTION = {"x86_64": 13, "aarch64": 134}
_LONGEST_MESSAGE = 4096
_MOST_DESCRIPTORS = 32
_FREE_FROM = 100


class Starter:
    """The waiting process, as its supervisor sees it."""

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        self._connection = connection

    def execute(
        self,
        line: Sequence[str],
        *,
        channels: terminal.Channels,
        handed: Mapping[int, int],
        mark: str,
        ownerless: Sequence[str],
    ) -> None:
        """Has it execute `line` on the channels' streams; raises OSError when it has died.

        `handed` maps the descriptor numbers that the program expects to descriptors of ours. `mark` is all
        of its environment. The `ownerless` folders are nobody's to it.
        """
        words = os.memfd_create("line")
        os.write(words, b"\0".join(map(os.fsencode, line)))
        told = {
            "numbers": list(handed),
            "has_terminal": channels.keyboard is not None,
            "mark": mark,
            "ownerless": list(ownerless),
        }
        try:
            message = json.dumps(told).encode()
            socket.send_fds(self._connection, [message], [words, *channels.child, *handed.values()])
        finally:
            os.close(words)
            self._connection.close()


def fork_starter(nice: int, *, nobody: int) -> Starter:
    """Forks the waiting process, of that niceness; raises OSError when there can be none.

    `nobody` is the descriptor that show_ownerless needs, or -1.
    """
    parent = os.getpid()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid:
        theirs.close()
        return Starter(pid, ours)
    try:
        ours.close()
        _wait_and_become(theirs, parent, nice, nobody)
    except BaseException as error:
        sys.stderr.write(f"a sandbox could not be started: {error!r}\n")
    finally:
        os._exit(127)


def _wait_and_become(connection: socket.socket, parent: int, nice: int, nobody: int) -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        return
    os.setpriority(os.PRIO_PROCESS, 0, nice)
    os.setsid()
    os.umask(0o022)
    _reset_signals()
    message, received, _, _ = socket.recv_fds(connection, _LONGEST_MESSAGE, _MOST_DESCRIPTORS)
    if not message:
        return
    for descriptor in received:
        os.set_inheritable(descriptor, False)
    told = json.loads(message)
    words, streams, handed = received[0], received[1:4], received[4:]
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number, inheritable=True)
    if told["has_terminal"]:
        terminal.take_terminal()
    # First out of the way, then into place: the numbers wanted may be taken by one another.
    if nobody >= 0:
        nobody = fcntl.fcntl(nobody, fcntl.F_DUPFD_CLOEXEC, _FREE_FROM)
    raised = [fcntl.fcntl(held, fcntl.F_DUPFD_CLOEXEC, _FREE_FROM) for held in handed]
    for wanted, held in zip(told["numbers"], raised, strict=True):
        os.dup2(held, wanted, inheritable=True)
    line = os.pread(words, os.fstat(words).st_size, 0).split(b"\0")
    name, _, value = told["mark"].partition("=")
    if told["ownerless"]:
        try:
            show_ownerless(told["ownerless"], nobody)
        except OSError as error:
            complaint = f"bwrap: {error.filename} cannot be shown as nobody's: {error.strerror}\n"
            os.write(2, complaint.encode())
            return
    try:
        os.execve(line[0], line, {name: value})  # noqa: S606
    except OSError as error:
        os.write(2, f"bwrap: {os.fsdecode(line[0])} cannot be executed: {error}\n".encode())


def _reset_signals() -> None:
    for number in signal.valid_signals():
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            try:
                signal.signal(number, signal.SIG_DFL)
            except OSError:
                continue
    for reserved in _LIBRARY_SIGNALS:
        _LIBC.syscall(_SYS_RT_SIGACTION[os.uname().machine], reserved, bytes(32), None, 8)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
