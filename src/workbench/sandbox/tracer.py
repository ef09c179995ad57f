"""Learns from the kernel of every process and every program that one step starts, however short it lives.

Standard library only. A process of its own beside the shim traces the first process of the step's pid
namespace and, by the kernel's doing, all that come from it: each stops when it has made another or has become
another program, is noted, and goes on. Names are read while who has just become a program stands still and
has memory of its own, so nobody can have changed them. It decides nothing and changes nothing: signals are
passed on as they come, and with the tracer the kernel ends all that it traces.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import time
from collections.abc import Callable

from workbench.sandbox import step_folder

# linux/ptrace.h
_CONT, _GETEVENTMSG, _SEIZE, _LISTEN = 7, 0x4201, 0x4206, 0x4208
_FORK, _VFORK, _CLONE, _EXEC, _STOP = 1, 2, 3, 4, 128
_OPTIONS = 1 << _FORK | 1 << _VFORK | 1 << _CLONE | 1 << _EXEC | 1 << 20
"""The last one is PTRACE_O_EXITKILL: nothing of the step goes on untraced."""
_ALL = 0x40000000
"""__WALL: threads that are traced are waited for as well."""
_PR_SET_PDEATHSIG = 1
_STOPPING = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
_PATIENCE_SECONDS = 5.0
_LARGEST_LINE = 2000
MOST_NAMES = 200
"""So many different command lines are kept, in the order in which they came; all are counted."""

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_LIBC.ptrace.restype = ctypes.c_long


class Tracer:
    """The tracer of one step, seen from its shim. `problem` says why there is none, or is "".

    It is made before the command may start, so that nothing of it comes before it is looked at.
    """

    def __init__(self, init: int, folder: str) -> None:
        answer, answer_end = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                _trace(init, folder, answer_end)
            except BaseException as error:
                with contextlib.suppress(OSError):
                    os.write(answer_end, f"it ended unexpectedly: {error!r}".encode())
            finally:
                os._exit(1)
        os.close(answer_end)
        said = b""
        if select.select([answer], [], [], _PATIENCE_SECONDS)[0]:
            said = os.read(answer, 4096)
        os.close(answer)
        self.problem = "" if said == b"ok" else said.decode("utf-8", "replace") or "it said nothing"
        if self.problem:
            self._end()

    def finish(self) -> None:
        """Returns once it has written down what it saw; the step's processes are to be gone by then."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(self._pid, os.WNOHANG)[0] == 0:
                if time.monotonic() > deadline:
                    self._end()
                    return
                time.sleep(0.001)

    def _end(self) -> None:
        with contextlib.suppress(OSError):
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)


class Family:
    """Who came from whom, and as what. The first program is our own shell; what it starts first is the
    command, and what it starts later is no part of it.

    A process that becomes no other program is what its parent was. Bounded: who has ended is forgotten.
    """

    def __init__(self, init: int) -> None:
        self.count = 0
        self.lines: dict[str, None] = {}
        self.is_cut = False
        self._init = init
        self._shell: int | None = None
        self._has_command = False
        # Of all that live: whose start was told, and who of them belongs to the command.
        self._told = {init}
        self._ours: set[int] = set()
        # The kernel may tell of a child before it tells who made it: whose child it is meanwhile, and who
        # was killed before that.
        self._held: dict[int, int] = {}
        self._early: set[int] = set()

    def is_told(self, pid: int) -> bool:
        """Says whether it is known who made this one; if not, it has to wait."""
        return pid in self._told

    def hold(self, pid: int, parent: int) -> bool:
        """Notes that one waits for a word of its maker; False when that has died without one."""
        if self._shell is not None and parent == self._init:
            self._adopt(pid, is_ours=True)
            return False
        self._held[pid] = parent
        return True

    def began(self, maker: int, child: int, *, is_alive: Callable[[int], bool]) -> bool:
        """Notes a new process or thread, of a maker that is known; says whether it waits for that word."""
        was_held = self._held.pop(child, None) is not None
        is_ours = maker in self._ours
        if maker == self._shell and not self._has_command:
            self._has_command = is_ours = True
        if child in self._early and not is_alive(child):
            # It was killed before it did anything.
            self._early.discard(child)
            self.count += is_ours
        else:
            self._adopt(child, is_ours=is_ours)
        return was_held

    def became(self, pid: int, former: int, line: str) -> None:
        """Notes another program. `former` is the thread that asked for it: it goes on as its process."""
        if former != pid and former in self._ours:
            self._ours.add(pid)
            self._told.add(pid)
            self._forget(former)
        if self._shell is None:
            self._shell = pid
        if pid not in self._ours or line in self.lines:
            return
        if len(self.lines) < MOST_NAMES:
            self.lines[line] = None
        else:
            self.is_cut = True

    def ended(self, pid: int) -> list[int]:
        """Notes an end, and returns who waited for a word that this one can no longer give."""
        if pid not in self._told:
            self._held.pop(pid, None)
            self._early.add(pid)
            return []
        left = [child for child, maker in self._held.items() if maker == pid]
        for child in left:
            del self._held[child]
            self._adopt(child, is_ours=pid in self._ours)
        self._forget(pid)
        return left

    def _adopt(self, pid: int, *, is_ours: bool) -> None:
        self._early.discard(pid)
        self._told.add(pid)
        if is_ours:
            self._ours.add(pid)
            self.count += 1

    def _forget(self, pid: int) -> None:
        self._told.discard(pid)
        self._ours.discard(pid)


def _trace(init: int, folder: str, answer: int) -> None:
    """Traces until nothing is left to trace, writes down what was seen, and never returns."""
    parent = os.getppid()
    # Whatever else the shim holds (its sockets, the barrier, the output) must not stay open because of us.
    os.closerange(0, answer)
    os.closerange(answer + 1, 1 << 16)
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        return
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 0)
    try:
        _call(_SEIZE, init, _OPTIONS)
    except OSError as error:
        os.write(answer, f"the kernel lets nobody trace it: {error.strerror}".encode())
        os._exit(1)
    os.write(answer, b"ok")
    os.close(answer)
    family = Family(init)
    message = ctypes.c_ulong()
    while True:
        try:
            pid, status = os.waitpid(-1, _ALL)
        except ChildProcessError:
            break
        if not os.WIFSTOPPED(status):
            for child in family.ended(pid):
                _go_on(child)
            continue
        number, event = os.WSTOPSIG(status), status >> 16
        if not family.is_told(pid) and family.hold(pid, _read_parent(pid)):
            continue
        if event in (_FORK, _VFORK, _CLONE, _EXEC):
            with contextlib.suppress(ProcessLookupError):
                _call(_GETEVENTMSG, pid, ctypes.addressof(message))
                if event == _EXEC:
                    family.became(pid, message.value, _read_line(pid))
                elif family.began(pid, message.value, is_alive=_is_alive):
                    _go_on(message.value)
        if event == _STOP and number in _STOPPING:
            _go_on(pid, how=_LISTEN)
        else:
            _go_on(pid, 0 if event else number)
    seen = {"count": family.count, "names": list(family.lines), "is_whole": not family.is_cut}
    step_folder.write_document(folder, step_folder.PROCESSES, seen, durable=False)
    os._exit(0)


def _go_on(pid: int, number: int = 0, *, how: int = _CONT) -> None:
    """Lets one go on, with a signal; whoever was killed meanwhile is gone, and its end is told next."""
    with contextlib.suppress(ProcessLookupError):
        _call(how, pid, number)


def _call(request: int, pid: int, data: int) -> None:
    if _LIBC.ptrace(request, pid, None, data) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _read_line(pid: int) -> str:
    """Returns the words that a program was started with, and its file where that is called otherwise."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = os.fsdecode(file.read(_LARGEST_LINE).rstrip(b"\0")).split("\0")
    except OSError:
        words = [""]
    try:
        path = os.readlink(f"/proc/{pid}/exe")
    except OSError:
        path = ""
    called = words[0].rpartition("/")[2]
    # python3 is python3.11 and no other program; what is called ls and is rm says so.
    if path and (not called or not path.rpartition("/")[2].startswith(called)):
        words = [f"({path})", *words]
    return " ".join(words)


def _read_parent(pid: int) -> int:
    return int(_read_state(pid)[1])


def _is_alive(pid: int) -> bool:
    return _read_state(pid)[0] not in (b"Z", b"X")


def _read_state(pid: int) -> tuple[bytes, bytes]:
    """Returns the state of a process or thread and its parent's number; of one that is gone, X and -1."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, parent = file.read().rpartition(b")")[2].split()[:2]
    except (OSError, ValueError):
        return b"X", b"-1"
    return state, parent
