"""Bounds how many processes a step may have, where the machine's cgroups let us.

Standard library only. Machines differ (v1, v2, delegated or not), so this is a second line: ending the pid
namespace wins over a fork bomb with or without it. A limit on processes does nothing for a root service.
"""

from __future__ import annotations

import contextlib
import os
import resource

LIMIT_PROCESSES = 4096
PREFIX = "workbench-"


def open_pids_group(name: str) -> str | None:
    """Makes a cgroup that holds at most LIMIT_PROCESSES and returns its folder; None where not possible."""
    parent = find_pids_parent()
    if parent is None:
        return None
    folder = f"{parent}/{PREFIX}{name}"
    try:
        os.mkdir(folder)
        _write(f"{folder}/pids.max", str(LIMIT_PROCESSES))
    except OSError:
        close_group(folder)
        return None
    return folder


def join_group(folder: str | None) -> None:
    """Moves the calling process into the group; without one, limits the user's processes instead."""
    if folder is not None:
        try:
            _write(f"{folder}/cgroup.procs", "0")
            return
        except OSError:
            pass
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    wanted = 2 * LIMIT_PROCESSES
    if soft == resource.RLIM_INFINITY or soft > wanted:
        resource.setrlimit(resource.RLIMIT_NPROC, (wanted, hard))


def close_group(folder: str | None) -> None:
    """Removes the group; the kernel refuses while a process is in it, which is left for a later sweep."""
    if folder is not None:
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def find_pids_parent() -> str | None:
    """Returns the folder of the cgroup this process is in, in the hierarchy that counts processes."""
    try:
        with open("/proc/self/cgroup") as file:
            lines = [line.strip().split(":", 2) for line in file]
    except OSError:
        return None
    for _, controllers, path in lines:
        if "pids" in controllers.split(","):
            return _writable(f"/sys/fs/cgroup/pids{path.rstrip('/')}")
    for _, controllers, path in lines:
        if not controllers:
            return _writable(f"/sys/fs/cgroup{path.rstrip('/')}")
    return None


def _writable(folder: str) -> str | None:
    return folder if os.access(folder, os.W_OK) else None


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
