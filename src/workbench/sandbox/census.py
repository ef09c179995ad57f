"""Counts and ends the processes of a step, by what the kernel says in /proc.

The pid namespace is what makes a process belong to a step: neither setsid nor a double fork leaves it.
Standard library only. It never trusts a process number alone: a start time and the boot go with it.
"""

from __future__ import annotations

import itertools
import os
import signal


def read_boot_id() -> str:
    """Returns the identity of this boot of the machine."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def read_start_ticks(pid: int) -> int | None:
    """Returns the start time of a process in clock ticks since boot; None when it is gone or a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def is_stopped(pid: int) -> bool:
    """Says whether the process was stopped by a signal and waits to be told to go on."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] in (b"T", b"t")
    except OSError:
        return False


def read_pid_namespace(pid: int) -> int | None:
    """Returns the inode of the process's pid namespace, or None when it is gone or not ours to see."""
    try:
        return int(os.readlink(f"/proc/{pid}/ns/pid")[5:-1])
    except (OSError, ValueError):
        return None


def is_alive(identity: dict[str, object]) -> bool:
    """Says whether the process of an identity (pid, start_ticks, boot_id) still is the same one."""
    pid, ticks = identity.get("pid"), identity.get("start_ticks")
    if not isinstance(pid, int) or identity.get("boot_id") != read_boot_id():
        return False
    return read_start_ticks(pid) == ticks


def members(namespace: int, *, at_most: int = 1 << 22) -> list[int]:
    """Returns the processes that live in the pid namespace, as seen from here, and stops at `at_most`."""
    own = read_pid_namespace(os.getpid())
    if namespace == own:
        raise ValueError("the service's own pid namespace is never a step's")
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
    return list(itertools.islice((pid for pid in pids if _lives_in(pid, namespace)), at_most))


def end_members(namespace: int, number: signal.Signals) -> int:
    """Sends a signal to every process of the namespace and returns to how many."""
    return sum(end_member(pid, namespace, number) for pid in members(namespace))


def end_member(pid: int, namespace: int, number: signal.Signals) -> bool:
    """Sends a signal to a process if it lives in the namespace; False when it does not, or has ended."""
    try:
        # The descriptor names the process, so that a number used again is never hit by mistake.
        descriptor = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not _lives_in(pid, namespace):
            return False
        signal.pidfd_send_signal(descriptor, number)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def children() -> list[int]:
    """Returns the children of the calling thread: for a subreaper, every orphan below it as well."""
    with open("/proc/thread-self/children") as file:
        return [int(pid) for pid in file.read().split()]


def marked(mark: str) -> list[int]:
    """Returns the processes whose first environment holds exactly this variable."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    is_marked = mark.encode() in file.read().split(b"\0")
            except OSError:
                continue
            if is_marked:
                found.append(int(name))
    return found


def _lives_in(pid: int, namespace: int) -> bool:
    return read_pid_namespace(pid) == namespace
