"""What runs on this machine, read from /proc: the judge of every "nothing is left"."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def find_marked(mark: str) -> list[int]:
    """Returns the processes whose command line holds the mark, this one left out."""
    found = []
    for pid in _pids():
        with contextlib.suppress(OSError):
            if pid != os.getpid() and mark.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def wait_unmarked(mark: str) -> None:
    """Returns once no process holds the mark in its command line."""
    for pid in find_marked(mark):
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            wait_gone(descriptor)
            os.close(descriptor)
    assert find_marked(mark) == []


def find_marked_anywhere(mark: str) -> list[int]:
    """Returns the processes whose command line or environment holds the mark, whatever their names are."""
    found = []
    for pid in _pids():
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                if pid != os.getpid() and mark.encode() in Path(f"/proc/{pid}/{name}").read_bytes():
                    found.append(pid)
    return sorted(set(found))


def find_children(parent: int) -> list[int]:
    """Returns the direct children of a process."""
    found = []
    for pid in _pids():
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                found.append(pid)
    return found


def is_running(pid: int) -> bool:
    """Says whether the process exists and is no zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] not in ("Z", "X")


def live_shims(home: Path) -> dict[str, int]:
    """Returns the shims of a home that still run, by step folder."""
    return {name: claim["pid"] for name, claim in _claims(home) if _is_same(claim)}


def unfinished_steps(home: Path) -> list[str]:
    """Returns the step folders of a home whose shim lives and has not recorded the step's end."""
    return [name for name in live_shims(home) if not (home / "runs" / name / "exit.json").exists()]


def kill_and_wait(pid: int) -> None:
    """Kills a process that may be somebody else's child and returns once it is gone."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        wait_gone(descriptor)
    except ProcessLookupError:
        pass
    finally:
        os.close(descriptor)


def wait_gone(descriptor: int) -> None:
    """Returns once the process behind a pidfd has ended."""
    import select

    if not select.select([descriptor], [], [], 30)[0]:
        raise TimeoutError("the process did not end within 30 s")


def _claims(home: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in (home / "runs").glob("*/*/claim.json"):
        with contextlib.suppress(OSError, ValueError):
            claim = json.loads(path.read_bytes())
            if "pid" in claim:
                yield f"{path.parents[1].name}/{path.parent.name}", claim


def _is_same(claim: dict[str, Any]) -> bool:
    try:
        fields = Path(f"/proc/{claim['pid']}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] not in ("Z", "X") and int(fields[19]) == claim["start_ticks"]


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]
