"""Writes figures as one table for people, as JSON, and as docs/performance.md. It measures nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence

from bench.figure import Figure

_HEAD = ("What", "Ours", "Goal", "", "Beside", "Its figure", "Ratio", "n")
_PAGE = """# Performance

`make bench` writes this page. Figures are medians unless a line says otherwise; n is how many were taken.
What is compared runs in turn in the same minutes on the same machine, so the ratios carry further than the
times. Each goal is from the first release's plan.

{table}

How each line is taken, and what it leaves out, stands at the top of its file in `bench/`. In short:

- **Request to first output byte**: `POST /api/runs` on a kept-alive connection with a bearer token, then the
  run's WebSocket; it ends at the first binary frame. Two durable ledger entries, the gate asked twice, the
  hardened sandbox, log and index are in it. Bare bubblewrap gets the same argument list and a usual set of
  mounts, and its output is read from a pipe.
- **To disk**: from the request to the recorded end of the run, nobody watching.
- **Write to WebSocket**: the command prints the time of each write; a complete WebSocket client notes
  when it arrives. Drawing in a browser is not in it.
- **Kill asked for**: three servers on one PostgreSQL start runs without a pause; 0 ms when no start came
  after the asking.
- **features** and **server start** are whole processes, bytecode and file cache warm.

## Machine

{machine}
"""


def render_table(figures: Sequence[Figure]) -> str:
    """Returns the table with aligned columns, for a terminal."""
    rows = [_HEAD, *(_cells(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def render_json(figures: Sequence[Figure], machine: Sequence[tuple[str, str]]) -> str:
    """Returns figures and machine as one JSON document."""
    return json.dumps(
        {"figures": [figure.render() for figure in figures], "machine": dict(machine)}, indent=1
    )


def render_page(figures: Sequence[Figure], machine: Sequence[tuple[str, str]]) -> str:
    """Returns docs/performance.md."""
    table = [_HEAD, ("---",) * len(_HEAD), *(_cells(figure) for figure in figures)]
    facts = [("What", "Here"), ("---", "---"), *machine]
    return _PAGE.format(table=_markdown(table), machine=_markdown(facts))


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def _cells(figure: Figure) -> tuple[str, ...]:
    return (
        figure.name,
        f"{_short(figure.value)} {figure.unit}",
        figure.goal,
        figure.verdict,
        figure.reference_name,
        "" if figure.reference is None else f"{_short(figure.reference)} {figure.unit}",
        "" if figure.ratio is None else f"{figure.ratio:.2f}×",
        str(figure.count),
    )


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
