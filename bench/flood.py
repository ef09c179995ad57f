"""Measures (b): how fast a flood of output reaches the disk, beside `script` and a plain pipe to a file.

Ours is the whole run, from the request to the recorded end, with nobody watching: sandbox, log, index and
digest included. The plain tools write the same bytes to a file on the same disk.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from bench.figure import Figure, median
from bench.server import Server

_FILE = "flood.txt"
_LINE = b"0123456789 the quick brown fox jumps over the lazy dog and over the next one\n"


def measure_flood(server: Server, repo: Path, rounds: int, size_bytes: int) -> list[Figure]:
    """Returns the figures of both modes, in megabytes of the command's output a second."""
    project_id = server.add(repo)
    with open(repo / _FILE, "wb") as file:
        block = _LINE * 8192
        while file.tell() < size_bytes:
            file.write(block[: size_bytes - file.tell()])
    copy = repo / "copy"
    source = shlex.quote(str(repo / _FILE))
    script = ["script", "-q", "-c", f"cat {source}", str(copy)]
    pipe = ["sh", "-c", f"cat {source} | cat > {shlex.quote(str(copy))}"]
    sides: dict[str, Callable[[], float]] = {
        "pty": lambda: _ours(server, project_id, "pty"),
        "script": lambda: _plain(script, copy),
        "pipe": lambda: _ours(server, project_id, "pipe"),
        "copy": lambda: _plain(pipe, copy),
    }
    for mode in ("pipe", "copy"):
        sides[mode]()
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            taken[name].append(size_bytes / 1e6 / side())
    speed = {name: median(values) for name, values in taken.items()}
    megabytes = f"{size_bytes / 1e6:.0f} MB"
    return [
        Figure(
            name=f"{megabytes} through the terminal to disk",
            value=speed["pty"],
            unit="MB/s",
            count=rounds,
            reference_name="script -q",
            reference=speed["script"],
            limit=0.8,
            limits_ratio=True,
            is_floor=True,
        ),
        Figure(
            name=f"{megabytes} through pipes to disk",
            value=speed["pipe"],
            unit="MB/s",
            count=rounds,
            reference_name="cat | cat > file",
            reference=speed["copy"],
            limit=200,
            is_floor=True,
        ),
    ]


def _ours(server: Server, project_id: str, mode: str) -> float:
    began = time.perf_counter()
    run_id = server.submit(project_id, f"cat {_FILE}", mode)
    run = server.wait_ended(run_id)
    taken = time.perf_counter() - began
    if run["status"] != "succeeded":
        raise RuntimeError(f"the flood ended as {run['status']}: {run['why']}")
    # Its supervisor is on its way out and may take its socket away meanwhile.
    shutil.rmtree(server.home / "runs" / run_id, ignore_errors=True)
    return taken


def _plain(line: list[str], copy: Path) -> float:
    began = time.perf_counter()
    subprocess.run(line, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    taken = time.perf_counter() - began
    copy.unlink()
    return taken
