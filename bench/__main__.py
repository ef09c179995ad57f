"""Runs the benchmarks and prints one table: python -m bench [--quick] [--json] [--only PART].

A full run also writes docs/performance.md. Ends with 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.documents import measure_documents
from bench.figure import Figure
from bench.flood import measure_flood
from bench.ground import make_repository
from bench.kill_switch import measure_kill
from bench.lag import measure_lag
from bench.large_ledger import measure_large_ledger
from bench.machine import describe_machine
from bench.many_runs import measure_many
from bench.policy_check import measure_policy
from bench.report import render_json, render_page, render_table
from bench.search import measure_search
from bench.server import running
from bench.server_start import measure_idle, measure_server_start
from bench.start_to_output import measure_start
from bench.transition import measure_transition

_PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
_PARTS = (
    "start",
    "flood",
    "lag",
    "documents",
    "server",
    "policy",
    "kill",
    "transition",
    "search",
    "large",
    "many",
    "idle",
)


def main() -> int:
    """Measures what was asked for and returns the exit status."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small run, which writes no page")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--only", choices=_PARTS, action="append", help="one part; writes no page")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="workbench-bench-") as folder:
        figures = _measure(Path(folder).resolve(), chosen.only or _PARTS, is_quick=chosen.quick)
    machine = describe_machine()
    print(render_json(figures, machine) if chosen.json else render_table(figures))
    if not chosen.quick and not chosen.only:
        _PAGE.write_text(render_page(figures, machine))
    return 1 if any(figure.verdict == "MISS" for figure in figures) else 0


def _measure(ground: Path, parts: tuple[str, ...] | list[str], *, is_quick: bool) -> list[Figure]:
    rounds = 5
    repo = make_repository(ground / "repo", {"README.md": "# Ground\n"})
    flood_bytes = 20_000_000 if is_quick else 200_000_000
    figures: list[Figure] = []
    with running(ground / "home") as server:
        work: dict[str, Callable[[], list[Figure]]] = {
            "start": lambda: measure_start(server, repo, 15 if is_quick else 60),
            "flood": lambda: measure_flood(server, repo, rounds, flood_bytes),
            "lag": lambda: measure_lag(server, repo, 50 if is_quick else 300),
            "documents": lambda: measure_documents(ground, rounds if is_quick else 11),
            "server": lambda: measure_server_start(ground, rounds if is_quick else 9),
            "policy": lambda: measure_policy(repo, rounds if is_quick else 50),
            "transition": lambda: measure_transition(ground, 2 if is_quick else 15),
            "large": lambda: measure_large_ledger(
                ground, repo, rounds=rounds if is_quick else 40, runs=20 if is_quick else 20_000
            ),
            "kill": lambda: measure_kill(ground, rounds if is_quick else 15),
            "search": lambda: measure_search(ground, rounds, 20_000_000 if is_quick else 1_000_000_000),
            "many": lambda: measure_many(
                server, ground, repo, at_once=40 if is_quick else 200, queued=100 if is_quick else 1000
            ),
            "idle": lambda: measure_idle(ground, repo, 2 if is_quick else 20),
        }
        for part in _PARTS:
            if part in parts:
                print(f"measuring {part} …", file=sys.stderr)
                found = work[part]()
                # Told at once: a later part that fails takes nothing with it.
                print(render_table(found), file=sys.stderr)
                figures += found
    return figures


if __name__ == "__main__":
    sys.exit(main())
