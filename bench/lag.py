"""Measures (c): from a command's write to the arrival at a viewer's WebSocket.

The command prints the time of each write by the system clock, which both sides share; a complete WebSocket
client (the websockets library) in this process stands for the browser's socket. Drawing is not in it.
"""

from __future__ import annotations

import time
from pathlib import Path

from bench.figure import Figure, median, percentile
from bench.server import FRAME_HEAD, Server

_SCRIPT = 'for i in $(seq {count}); do printf "%s\\n" "$EPOCHREALTIME"; sleep 0.02; done\n'


def measure_lag(server: Server, repo: Path, count: int) -> list[Figure]:
    """Returns median and 95th percentile in milliseconds."""
    (repo / "stamps.sh").write_text(_SCRIPT.format(count=count))
    (repo / "stamps.mk").write_text("all:\n\t@exec bash stamps.sh\n")
    project_id = server.add(repo)
    run_id = server.submit(project_id, "make -s -f stamps.mk", "pty")
    lags: list[float] = []
    rest = b""
    with server.terminal(run_id) as terminal:
        for message in terminal:
            now = time.time()
            if isinstance(message, str):
                if '"ended"' in message:
                    break
                continue
            *lines, rest = (rest + message[FRAME_HEAD.size :]).split(b"\n")
            lags += [now - float(line.replace(b",", b".")) for line in lines]
    if len(lags) != count:
        raise RuntimeError(f"{len(lags)} of {count} stamps came")
    return [
        Figure(
            name="write to WebSocket, 95th percentile",
            value=percentile(lags, 0.95) * 1000,
            unit="ms",
            count=count,
            limit=50,
        ),
        Figure(name="write to WebSocket, median", value=median(lags) * 1000, unit="ms", count=count),
    ]
