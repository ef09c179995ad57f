"""Measures (e): from the spawn of `workbench up` to the first answer of /readyz; and an idle server."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bench.figure import Figure, median
from bench.server import Server, running


def measure_server_start(ground: Path, rounds: int) -> list[Figure]:
    """Returns the start on a home that was used before and on a new one, in milliseconds."""
    used = ground / "used-home"
    with running(used):
        pass
    again, fresh = [], []
    for number in range(rounds):
        with running(used) as server:
            again.append(server.ready_seconds)
        with running(ground / f"new-home-{number}") as server:
            fresh.append(server.ready_seconds)
    return [
        Figure(name="server start to ready", value=median(again) * 1000, unit="ms", count=rounds, limit=1500),
        Figure(
            name="server start to ready, new home",
            value=median(fresh) * 1000,
            unit="ms",
            count=rounds,
            limit=1500,
        ),
    ]


def measure_idle(ground: Path, repo: Path, seconds: float) -> list[Figure]:
    """Returns processor share and memory of a server that has worked and has nothing to do, with its zygote.

    One of its runs was long enough for the durable engine to be loaded.
    """
    with running(ground / "idle-home") as server:
        project_id = server.add(repo)
        for command in (*["pwd"] * 20, "sleep 2"):
            server.wait_ended(server.submit(project_id, command, "pty"))
        return _watch_idle(server, seconds)


def _watch_idle(server: Server, seconds: float) -> list[Figure]:
    processes = [server.process.pid, *_children(server.process.pid)]
    before, began = sum(_ticks(pid) for pid in processes), time.monotonic()
    time.sleep(seconds)
    spent = (sum(_ticks(pid) for pid in processes) - before) / os.sysconf("SC_CLK_TCK")
    share = 100 * spent / (time.monotonic() - began)
    memory = _resident_bytes(processes) / (1 << 20)
    return [
        Figure(name=f"idle server, processor over {seconds:.0f} s", value=share, unit="%", count=1, limit=1),
        Figure(name="idle server, resident memory", value=memory, unit="MiB", count=1, limit=150),
    ]


def _children(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _resident_bytes(processes: list[int]) -> int:
    """Returns what they hold in memory; what they share is counted once, as who has most of it has it."""
    private, shared = 0, 0
    for pid in processes:
        kinds = dict.fromkeys(("Private", "Shared"), 0)
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(":")
            kind = name.partition("_")[0]
            if kind in kinds and name.endswith(("_Clean", "_Dirty")):
                kinds[kind] += int(rest.split()[0]) * 1024
        private += kinds["Private"]
        shared = max(shared, kinds["Shared"])
    return private + shared
