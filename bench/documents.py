"""Measures (d): `workbench features` as a whole process, on a repository of 500 documents."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from bench.figure import Figure, median
from bench.ground import make_repository, spec_kit_files
from bench.server import environment

_DOCUMENTS = 500


def measure_documents(ground: Path, rounds: int) -> list[Figure]:
    """Returns the figures without anything kept from before, and with nothing changed since, in ms."""
    files = spec_kit_files(_DOCUMENTS)
    repo = make_repository(ground / "documents", files)
    home = ground / "documents-home"
    _features(home, repo)
    cold, unchanged, plain = [], [], []
    for _ in range(rounds):
        shutil.rmtree(home)
        cold.append(_features(home, repo))
        unchanged.append(_features(home, repo))
        plain.append(_start_python())
    name = f"features, {len(files)} documents"
    return [
        Figure(name=f"{name}, cold", value=median(cold) * 1000, unit="ms", count=rounds, limit=1000),
        Figure(
            name=f"{name}, unchanged",
            value=median(unchanged) * 1000,
            unit="ms",
            count=rounds,
            reference_name="python -c pass",
            reference=median(plain) * 1000,
            limit=200,
        ),
    ]


def _features(home: Path, repo: Path) -> float:
    line = [sys.executable, "-m", "workbench", "features", "--repo", str(repo), "--json"]
    began = time.perf_counter()
    done = subprocess.run(line, env=environment(home), check=True, capture_output=True)
    taken = time.perf_counter() - began
    if len(json.loads(done.stdout)) != _DOCUMENTS // 3 + 1:
        raise RuntimeError("features did not find what the documents describe")
    return taken


def _start_python() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - began
