"""Measures (a): from the request for a run to the first byte of its output, beside bare bubblewrap.

Both run the very same argument list, which the server tells, in turn. Ours ends at the first binary frame of
the run's WebSocket, opened as soon as the run's id is known; bubblewrap's at the first byte of its pipe.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from websockets.frames import Opcode

from bench.figure import Figure, median
from bench.server import Server

_COMMAND = "echo hello"
_WARM_UP = 5


def measure_start(server: Server, repo: Path, rounds: int) -> list[Figure]:
    """Returns the figures of both modes, in milliseconds."""
    project_id = server.add(repo)
    asked = {"project_id": project_id, "command": _COMMAND}
    argv = [str(word) for word in server.call("POST", "/api/review", asked)["executes"]]
    plain: list[float] = []
    ours: dict[str, list[float]] = {"pty": [], "pipe": []}
    for number in range(_WARM_UP + rounds):
        taken = {mode: first_output_seconds(server, project_id, mode)[0] for mode in ours}
        bare = _bare(argv, repo)
        if number >= _WARM_UP:
            plain.append(bare)
            for mode, seconds in taken.items():
                ours[mode].append(seconds)
    return [
        Figure(
            name=f"request to first output byte, {'terminal' if mode == 'pty' else 'pipes'}",
            value=median(values) * 1000,
            unit="ms",
            count=rounds,
            reference_name="bare bubblewrap, same command",
            reference=median(plain) * 1000,
            limit=4,
            limits_ratio=True,
        )
        for mode, values in ours.items()
    ]


def first_output_seconds(server: Server, project_id: str, mode: str) -> tuple[float, str]:
    """Returns the time from the request for a run to its first output, and the run's id once it has ended."""
    began = time.perf_counter()
    run_id = server.submit(project_id, _COMMAND, mode)
    taken = 0.0
    for frame in server.frames(run_id):
        if frame.opcode is Opcode.BINARY and not taken:
            taken = time.perf_counter() - began
        elif frame.opcode is Opcode.TEXT and b'"ended"' in frame.data:
            break
    if not taken:
        raise RuntimeError(f"run {run_id} ended without output")
    return taken, run_id


def bare_line(argv: Sequence[str], repo: Path) -> list[str]:
    """Returns the plain bubblewrap's command line for these words, run in the repository."""
    line = ["bwrap", "--unshare-all", "--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc"]
    for name in ("/bin", "/sbin", "/lib", "/lib64"):
        if os.path.islink(name):
            line += ["--symlink", os.readlink(name), name]
        elif os.path.isdir(name):
            line += ["--ro-bind", name, name]
    line += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--bind", str(repo), str(repo)]
    return [*line, "--chdir", str(repo), "--die-with-parent", "--", *argv]


def _bare(argv: list[str], repo: Path) -> float:
    line = bare_line(argv, repo)
    began = time.perf_counter()
    with subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        first = os.read(process.stdout.fileno(), 1)
        taken = time.perf_counter() - began
        process.stdout.read()
    if not first:
        raise RuntimeError("bare bubblewrap gave no output")
    return taken
