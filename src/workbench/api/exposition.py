"""The server's own numbers as Prometheus reads them.

They come from the ledger, so they are the same whichever process answers and after every restart.
"""

from __future__ import annotations

from typing import Final

from workbench.ledger.reads import Counts
from workbench.model.statuses import RUN_ENDED

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def render_exposition(counts: Counts, *, version: str) -> str:
    """Returns the text of one scrape: runs by status, events, and which version answers."""
    is_open = {status: number for status, number in counts.runs.items() if status not in RUN_ENDED}
    ended = {status: number for status, number in counts.runs.items() if status in RUN_ENDED}
    named = version.replace("\\", "\\\\").replace('"', '\\"')
    lines = [
        "# HELP workbench_build_info The version that answers; the value is always 1.",
        "# TYPE workbench_build_info gauge",
        f'workbench_build_info{{version="{named}"}} 1',
        "# HELP workbench_open_runs Runs that have not ended, by status.",
        "# TYPE workbench_open_runs gauge",
        *(f'workbench_open_runs{{status="{status.value}"}} {number}' for status, number in is_open.items()),
        "# HELP workbench_runs_total Runs that have ended, by the status they ended with.",
        "# TYPE workbench_runs_total counter",
        *(f'workbench_runs_total{{status="{status.value}"}} {number}' for status, number in ended.items()),
        "# HELP workbench_events_total Events in the audit log.",
        "# TYPE workbench_events_total counter",
        f"workbench_events_total {counts.events}",
    ]
    return "\n".join(lines) + "\n"
