"""Measures (f): judgements of everyday commands by the shipped policy, with this machine's surroundings."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from bench.figure import Figure, median, percentile
from workbench.connectors.local import surroundings_of
from workbench.gate import judge, load_policy

_EVERYDAY = Path(__file__).parents[1] / "tests" / "security" / "everyday_commands.txt"
_CORPUS = _EVERYDAY.parent / "corpus" / "families.py"
_BATCH = 10_000
_SEED = 20_240_229


def _commands() -> list[str]:
    lines = _EVERYDAY.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("# ")]


def _batch() -> list[str]:
    """Returns a batch of commands, no two the same: all everyday ones, the rest what attackers try."""
    spec = importlib.util.spec_from_file_location("families", _CORPUS)
    assert spec is not None
    assert spec.loader is not None
    families = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(families)
    chance = random.Random(_SEED)
    common = list(dict.fromkeys([*_commands(), *families.everyday()]))
    known = set(common)
    hostile = [command for command in families.adversarial() if command not in known]
    batch = [*common, *chance.sample(hostile, _BATCH - len(common))]
    chance.shuffle(batch)
    return batch


def _lines(repo: Path) -> str:
    """Returns the batch as `policy check --stdin` reads it, every second line with a folder of its own."""
    folder = repo / "src"
    folder.mkdir(exist_ok=True)
    return "".join(
        json.dumps({"command": command, **({"cwd": "src"} if number % 2 else {})}) + "\n"
        for number, command in enumerate(_batch())
    )


def measure_policy(repo: Path, rounds: int) -> list[Figure]:
    """Returns what one judgement takes over a developer's everyday commands, and how many a second in batch.

    The policy is loaded anew for each round, so that what it remembers of facts is no older than a round. In
    the batch no command comes twice, and half of the lines name a folder.
    """
    commands, surroundings = _commands(), surroundings_of(str(repo))
    taken: list[float] = []
    for _ in range(max(1, rounds // 10)):
        policy = load_policy()
        for command in commands:
            began = time.perf_counter()
            judge(policy, command, cwd=str(repo), workspace_root=str(repo), surroundings=surroundings)
            taken.append(time.perf_counter() - began)
    lines = _lines(repo)
    before = os.times()
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "workbench", "policy", "check", "--repo", str(repo), "--stdin", "--json"],
        input=lines.encode(),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    whole = time.perf_counter() - began
    after = os.times()
    busy = after.children_user + after.children_system - before.children_user - before.children_system
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
        Figure(
            name="the same, by the processor it took",
            value=_BATCH / busy,
            unit="commands/s",
            count=_BATCH,
        ),
    ]
