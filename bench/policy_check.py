"""Measures (f): judgements of everyday commands by the shipped policy, with this machine's surroundings."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from bench.figure import Figure, median, percentile
from workbench.connectors.local import surroundings_of
from workbench.gate import judge, load_policy

_EVERYDAY = Path(__file__).parents[1] / "tests" / "security" / "everyday_commands.txt"
_BATCH = 10_000


def _commands() -> list[str]:
    lines = _EVERYDAY.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("# ")]


def measure_policy(repo: Path, rounds: int) -> list[Figure]:
    """Returns what one judgement takes over a developer's everyday commands, and how many a second in batch.

    The policy is loaded anew for each round, so that what it remembers of facts is no older than a round.
    """
    commands, surroundings = _commands(), surroundings_of(str(repo))
    taken: list[float] = []
    for _ in range(max(1, rounds // 10)):
        policy = load_policy()
        for command in commands:
            began = time.perf_counter()
            judge(policy, command, cwd=str(repo), workspace_root=str(repo), surroundings=surroundings)
            taken.append(time.perf_counter() - began)
    lines = "".join(
        json.dumps({"command": command}) + "\n"
        for command in (commands * (_BATCH // len(commands) + 1))[:_BATCH]
    )
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "workbench", "policy", "check", "--repo", str(repo), "--stdin", "--json"],
        input=lines.encode(),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    whole = time.perf_counter() - began
    count = len(taken)
    return [
        Figure(name="policy check, median", value=median(taken) * 1000, unit="ms", count=count, limit=0.5),
        Figure(
            name="policy check, 99th percentile",
            value=percentile(taken, 0.99) * 1000,
            unit="ms",
            count=count,
            limit=3,
        ),
        Figure(
            name="policy check --stdin, its start included",
            value=_BATCH / whole,
            unit="commands/s",
            count=_BATCH,
            limit=2000,
            is_floor=True,
        ),
    ]
