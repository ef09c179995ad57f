"""Keeps on record which zygote belongs to which server, and ends one that outlived its server.

A zygote ends by itself when its server does, unless it is stopped or hangs. A record names both by process
id, start time and boot, so nothing else is ever ended, and no zygote of a server that lives.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
from pathlib import Path
from typing import Any

from workbench.sandbox import census

_OWN_END_SECONDS = 2.0
_MOST_BYTES = 4096


def record_zygote(folder: Path, pid: int) -> None:
    """Writes down this process's zygote; where that cannot be done, nobody ends it later."""
    document = {"zygote": _identify(pid), "server": _identify(os.getpid())}
    with contextlib.suppress(OSError):
        part = folder / f"zygote-{pid}.part"
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "w") as file:
            file.write(json.dumps(document))
        part.rename(_record(folder, pid))


def forget_zygote(folder: Path, pid: int) -> None:
    """Removes the record of a zygote that has ended."""
    with contextlib.suppress(OSError):
        _record(folder, pid).unlink()


def end_leftovers(folder: Path) -> int:
    """Ends the zygotes of servers that are gone, and returns how many had to be ended.

    One that is not stopped gets two seconds to do it itself. Blocks; the shims of steps go on.
    """
    return sum(_end(path) for path in folder.glob("zygote-*.json"))


def _end(path: Path) -> bool:
    try:
        with open(path) as file:
            document = json.loads(file.read(_MOST_BYTES))
        zygote, server = dict(document["zygote"]), dict(document["server"])
    except (OSError, ValueError, KeyError, TypeError):
        zygote, server = {}, {}
    if server and census.is_alive(server):
        return False
    had_to = _end_process(zygote)
    with contextlib.suppress(OSError):
        path.unlink()
    return had_to


def _end_process(zygote: dict[str, Any]) -> bool:
    if not census.is_alive(zygote):
        return False
    try:
        # The descriptor names the process, so that a number used again is never hit by mistake.
        descriptor = os.pidfd_open(zygote["pid"])
    except OSError:
        return False
    try:
        if not census.is_alive(zygote):
            return False
        patience = 0.0 if census.is_stopped(zygote["pid"]) else _OWN_END_SECONDS
        if select.select([descriptor], [], [], patience)[0]:
            return False
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        select.select([descriptor], [], [], _OWN_END_SECONDS)
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _record(folder: Path, pid: int) -> Path:
    return folder / f"zygote-{pid}.json"


def _identify(pid: int) -> dict[str, Any]:
    return {"pid": pid, "start_ticks": census.read_start_ticks(pid), "boot_id": census.read_boot_id()}
