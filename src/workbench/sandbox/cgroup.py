"""Bounds how many processes all steps of one service may have, where the machine's cgroups let us.

Standard library only. The zygote joins once and every shim is born inside: moving a process later costs
10 ms of its start. Machines differ (v1, v2, delegated or not), so this is a second line: ending the pid
namespace wins over a fork bomb with or without it.
"""

from __future__ import annotations

import contextlib
import os
import resource

LIMIT_PROCESSES = 2048 + 1024 * (os.cpu_count() or 1)
"""For all steps together: room for many builds, and still few enough for a fork bomb to end in a second."""

_USER_PROCESSES = 8192
_PREFIX = "workbench-"


def enter_group() -> str | None:
    """Moves the calling process into a new group of at most LIMIT_PROCESSES tasks and returns its folder.

    Where no group can be made it limits the user's processes instead, which binds everybody but root, and
    returns None. Groups that earlier services left empty are removed.
    """
    parent = _find_parent()
    folder = None if parent is None else _join_new(parent)
    if folder is None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
        if soft == resource.RLIM_INFINITY or soft > _USER_PROCESSES:
            resource.setrlimit(resource.RLIMIT_NPROC, (_USER_PROCESSES, hard))
    return folder


def _join_new(parent: str) -> str | None:
    with contextlib.suppress(OSError):
        for name in os.listdir(parent):
            if name.startswith(_PREFIX):
                # The kernel refuses as long as a process is in it.
                with contextlib.suppress(OSError):
                    os.rmdir(f"{parent}/{name}")
    folder = f"{parent}/{_PREFIX}{os.getpid()}"
    try:
        os.makedirs(folder, exist_ok=True)
        _write(f"{folder}/pids.max", str(LIMIT_PROCESSES))
        _write(f"{folder}/cgroup.procs", "0")
    except OSError:
        with contextlib.suppress(OSError):
            os.rmdir(folder)
        return None
    return folder


def _find_parent() -> str | None:
    """Returns the folder of our own group in the hierarchy that counts processes, if we may write there.

    A group that an earlier zygote made is not nested further.
    """
    try:
        with open("/proc/self/cgroup") as file:
            lines = [line.strip().split(":", 2) for line in file]
    except OSError:
        return None
    wanted = [f"/sys/fs/cgroup/pids{path}" for _, names, path in lines if "pids" in names.split(",")]
    wanted += [f"/sys/fs/cgroup{path}" for _, names, path in lines if not names]
    for folder in wanted[:1]:
        own = folder.rstrip("/")
        parent = os.path.dirname(own) if os.path.basename(own).startswith(_PREFIX) else own
        return parent if os.access(parent, os.W_OK) else None
    return None


def _write(path: str, text: str) -> None:
    # Without O_CREAT: a plain folder where a group was expected must not get a file.
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
