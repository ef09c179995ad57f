"""Measures starting a run and opening its page with 1,000,000 events and 20,000 runs behind it, beside none.

Both servers are up at once and asked in turn. The events are the ledger's own: every one went through its
append, in one transaction for each two hundred runs, and the chain verifies.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.figure import Figure, median
from bench.server import Server, running
from bench.start_to_output import first_output_seconds
from workbench.app.clock import SystemClock, new_sortable_id
from workbench.ledger.ledger import Ledger
from workbench.ledger.move import CreateRun, CreateStep, Move, MoveRun, MoveStep, Note
from workbench.model.command import Command
from workbench.model.moves import RunMove, StepMove
from workbench.model.plan import StepKind, single_command

_EVENTS_A_RUN = 50
_RUNS_AT_ONCE = 200
_WARM_UP = 5


def measure_large_ledger(ground: Path, repo: Path, *, rounds: int, runs: int) -> list[Figure]:
    """Returns the start and the page of a run, in milliseconds, each beside the same on an empty ledger."""
    full, empty = ground / "full-home", ground / "empty-home"
    with running(full) as server:
        project_id = server.add(repo)
    print(f"  filling a ledger with {runs * _EVENTS_A_RUN:,} events …", file=sys.stderr)
    asyncio.run(_fill(full, project_id, str(repo), runs))
    starts: dict[Path, list[float]] = {full: [], empty: []}
    pages: dict[Path, list[float]] = {full: [], empty: []}
    with running(full) as large, running(empty) as small:
        places = [(full, large, project_id), (empty, small, small.add(repo))]
        for number in range(_WARM_UP + rounds):
            # In turn, and each goes first as often as the other.
            for home, server, project in places if number % 2 else reversed(places):
                started, run_id = first_output_seconds(server, project, "pty")
                server.wait_ended(run_id)
                opened = _timed(lambda server=server, run_id=run_id: _open_page(server, run_id))  # type: ignore[misc]
                if number >= _WARM_UP:
                    starts[home].append(started)
                    pages[home].append(opened)
    return [
        Figure(
            name=f"{what} with {runs * _EVENTS_A_RUN:,} events, {runs:,} runs",
            value=median(taken[full]) * 1000,
            unit="ms",
            count=rounds,
            reference_name="the same on an empty ledger",
            reference=median(taken[empty]) * 1000,
            limit=1.2,
            limits_ratio=True,
        )
        for what, taken in (("request to first output byte", starts), ("a run's page", pages))
    ]


def _open_page(server: Server, run_id: str) -> None:
    """Asks for what the page of an ended run asks for: the run, its first events, its output, the list."""
    run = server.call("GET", f"/api/runs/{run_id}")
    server.call("GET", f"/api/runs?project_id={run['project_id']}&limit=50")
    asked = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    with contextlib.closing(asked):
        asked.request(
            "GET", f"/api/runs/{run_id}/events", headers={"Authorization": f"Bearer {server.token}"}
        )
        for line in asked.getresponse():
            if line.startswith(b"data: ") and json.loads(line[6:])["tag"] == "run:succeeded":
                break
    for frame in server.frames(run_id):
        if b'"ended"' in frame.data:
            break


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


async def _fill(home: Path, project_id: str, workspace: str, runs: int) -> None:
    ledger = Ledger(f"sqlite:///{home / 'ledger.db'}", SystemClock())
    await ledger.open()
    plan = single_command(Command(source_text="make all", cwd=workspace))
    for first in range(0, runs, _RUNS_AT_ONCE):
        moves: list[Move] = []
        for number in range(first, min(first + _RUNS_AT_ONCE, runs)):
            run_id, step_id = new_sortable_id("run_"), new_sortable_id("step_")
            feature = f"{number % 40:03d}-feature"
            moves += [
                CreateRun(
                    run_id=run_id, move=RunMove.ADMIT, plan=plan, requested_by="user:ann", feature_id=feature
                ),
                CreateStep(
                    step_id=step_id,
                    run_id=run_id,
                    step_key="command",
                    kind=StepKind.COMMAND,
                    connector="local",
                ),
                *(
                    Note(tag="terminal:lease_taken", payload={"status": "running"}, run_id=run_id)
                    for _ in range(_EVENTS_A_RUN - 4)
                ),
                MoveStep(step_id=step_id, move=StepMove.CANCEL),
                MoveRun(run_id=run_id, move=RunMove.CANCEL),
            ]
        await ledger.append(project_id, moves, actor="user:ann", via="cli")
    await ledger.close()
